/** The fleet's heat map: an answer of the API in, rows with a common scale out. */
import type { FleetSeries } from '../../api/fleet';
import { formatBytes, formatCount, formatNumber, formatRate, formatRatio } from '../../lib/format';
import { bytesAbove, roundAbove } from '../../lib/plot';
import { compareWords } from '../../lib/words';
import { text } from '../../text';

export interface HeatReading {
  readonly column: string;
  readonly label: string;
  readonly format: (value: number | null) => string;
  /** The hottest there can be; null where that depends on the hosts. */
  readonly top: number | null;
}

const formatLoad = (value: number | null): string => formatNumber(value, 1);

function readingOf(column: string): HeatReading {
  const labels: Readonly<Record<string, string>> = text.fleetHeat.readings;
  const label = labels[column] ?? column;
  if (column.includes('_ratio')) return { column, label, format: formatRatio, top: 1 };
  if (column.endsWith('_bytes_per_second')) return { column, label, format: formatRate, top: null };
  if (column.endsWith('_bytes')) return { column, label, format: formatBytes, top: null };
  return { column, label, format: column.startsWith('load') ? formatLoad : formatCount, top: null };
}

export const HEAT_READINGS: readonly HeatReading[] = Object.keys(text.fleetHeat.readings).map(readingOf);

/** A reading that is not offered can still come with a link. */
export const findReading = (column: string): HeatReading =>
  HEAT_READINGS.find((reading) => reading.column === column) ?? readingOf(column);

export interface HeatRow {
  readonly host: string;
  readonly values: readonly (number | null)[];
  readonly max: number | null;
}

export interface HeatCell {
  readonly host: string;
  /** The middle of its bucket. */
  readonly atMs: number;
  readonly value: number;
}

export interface Heat {
  readonly rows: readonly HeatRow[];
  /** What the hottest colour stands for. */
  readonly top: number;
  /** The hottest moment of each of the hottest hosts. */
  readonly hottest: readonly HeatCell[];
}

const MOST_HOTTEST = 5;

/** Rows of the hosts that are wanted, by name or with the hottest first. */
export function buildHeat(
  series: FleetSeries,
  reading: HeatReading,
  isWanted: (host: string) => boolean,
  hottestFirst: boolean,
): Heat {
  const rows = series.hosts
    .filter(({ host }) => isWanted(host))
    .map(({ host, values }) => ({ host, values, max: maxOf(values) }));
  const byHeat = (left: HeatRow, right: HeatRow): number =>
    (right.max ?? -1) - (left.max ?? -1) || compareWords(left.host, right.host);
  const hot = rows.toSorted(byHeat);
  const highest = hot[0]?.max ?? 0;
  const isBytes = reading.column.includes('_bytes');
  return {
    rows: hottestFirst ? hot : rows.toSorted((left, right) => compareWords(left.host, right.host)),
    top: reading.top ?? (isBytes ? bytesAbove(highest, 1024) : roundAbove(highest, 1)),
    hottest: hot.slice(0, MOST_HOTTEST).flatMap(({ host, values, max }): HeatCell[] => {
      const at = series.timeMs[values.indexOf(max)];
      return max === null || max === 0 || at === undefined
        ? []
        : [{ host, atMs: at + series.bucketMs / 2, value: max }];
    }),
  };
}

function maxOf(values: readonly (number | null)[]): number | null {
  let max: number | null = null;
  for (const value of values) if (value !== null && (max === null || value > max)) max = value;
  return max;
}

/** The cell under a point of the map, in parts of its width and height; null where nothing was recorded. */
export function cellAt(heat: Heat, series: FleetSeries, x: number, y: number): HeatCell | null {
  const row = heat.rows[Math.floor(y * heat.rows.length)];
  const index = Math.floor(x * series.timeMs.length);
  const [value, at] = [row?.values[index], series.timeMs[index]];
  if (!row || value == null || at === undefined) return null;
  return { host: row.host, atMs: at + series.bucketMs / 2, value };
}
