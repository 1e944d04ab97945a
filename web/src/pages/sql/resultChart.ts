/** What of a result can be drawn: numbers over time, or numbers by name. */
import type { Cell, SqlColumn, SqlResult } from '../../api/sql';
import { decodeInstant } from '../../lib/time';
import { type Values, maxOf } from '../../lib/plot';

export interface ChartLine {
  readonly name: string;
  readonly values: Values;
}

export type ResultChart =
  | {
      readonly kind: 'lines';
      readonly timeMs: readonly number[];
      readonly lines: readonly ChartLine[];
      readonly cut: boolean;
    }
  | {
      readonly kind: 'bars';
      readonly number: string;
      readonly max: number;
      readonly bars: readonly { readonly name: string; readonly value: number }[];
      readonly cut: boolean;
    };

/** Lines and bars beyond these would not be told apart. */
export const MOST_LINES = 8;
export const MOST_BARS = 60;

export const isTime = ({ type }: SqlColumn): boolean => /^(Timestamp|Date)/.test(type);
export const isNumeric = ({ type }: SqlColumn): boolean => /^(U?Int\d|Float|Decimal)/.test(type);

const asNumber = (cell: Cell | undefined): number | null => {
  const value = typeof cell === 'string' ? Number(cell) : cell;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
};

const timeOf = (cell: Cell | undefined): number | null =>
  typeof cell === 'number' ? cell : typeof cell === 'string' ? decodeInstant(cell) : null;

const nameOf = (cells: readonly (Cell | undefined)[]): string =>
  cells
    .map((cell) => (cell == null ? '–' : typeof cell === 'object' ? JSON.stringify(cell) : String(cell)))
    .join(' · ');

/** Null when there is nothing to draw: no numbers, or no rows. */
export function buildResultChart({ columns, rows }: SqlResult): ResultChart | null {
  const numbers = columns.flatMap((column, index) => (isNumeric(column) ? [index] : []));
  const time = columns.findIndex(isTime);
  if (numbers.length === 0 || rows.length === 0) return null;
  const names = columns.flatMap((column, index) => (isNumeric(column) || isTime(column) ? [] : [index]));
  return time < 0 ? bars(columns, rows, names, numbers[0] ?? 0) : lines(columns, rows, time, names, numbers);
}

function lines(
  columns: SqlResult['columns'],
  rows: SqlResult['rows'],
  time: number,
  names: readonly number[],
  numbers: readonly number[],
): ResultChart | null {
  const timeMs = [...new Set(rows.map((row) => timeOf(row[time])).filter((ms) => ms !== null))].sort(
    (left, right) => left - right,
  );
  const placeOf = new Map(timeMs.map((ms, place) => [ms, place]));
  const found = new Map<string, (number | null | undefined)[]>();
  let cut = false;
  for (const row of rows) {
    const place = placeOf.get(timeOf(row[time]) ?? Number.NaN);
    if (place === undefined) continue;
    const of = nameOf(names.map((index) => row[index]));
    for (const index of numbers) {
      const column = columns[index]?.name ?? '';
      const name = names.length === 0 ? column : numbers.length === 1 ? of : `${of} · ${column}`;
      let values = found.get(name);
      if (!values && found.size >= MOST_LINES) {
        cut = true;
        continue;
      }
      // A time without a row of this line is no gap: its rows may be rarer than another's.
      values ??= Array.from<number | null | undefined>({ length: timeMs.length });
      found.set(name, values);
      values[place] = asNumber(row[index]);
    }
  }
  if (timeMs.length < 2) return null;
  return { kind: 'lines', timeMs, lines: [...found].map(([name, values]) => ({ name, values })), cut };
}

function bars(
  columns: SqlResult['columns'],
  rows: SqlResult['rows'],
  names: readonly number[],
  number: number,
): ResultChart {
  const shown = rows.slice(0, MOST_BARS).flatMap((row, index) => {
    const value = asNumber(row[number]);
    const name = names.length === 0 ? String(index + 1) : nameOf(names.map((one) => row[one]));
    return value === null ? [] : [{ name, value }];
  });
  return {
    kind: 'bars',
    number: columns[number]?.name ?? '',
    max: maxOf([shown.map(({ value }) => value)]),
    bars: shown,
    cut: rows.length > MOST_BARS,
  };
}
