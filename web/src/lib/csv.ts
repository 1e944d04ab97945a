/** Lines over time as a table of comma-separated values, in base units as the API tells them. */
import type { Values } from './plot';

export interface CsvColumn {
  readonly name: string;
  readonly values: Values;
}

/** A row for each bucket that holds something; what is absent is empty. Times are RFC 3339 in UTC. */
export function buildCsv(timeMs: readonly number[], columns: readonly CsvColumn[]): string {
  const head = ['time', ...columns.map(({ name }) => name)];
  const rows = timeMs.flatMap((ms, index) => {
    const cells = columns.map(({ values }) => values[index]);
    if (cells.every((cell) => cell == null)) return [];
    return [[new Date(ms).toISOString(), ...cells.map((cell) => (cell == null ? '' : String(cell)))]];
  });
  return [head, ...rows].map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
