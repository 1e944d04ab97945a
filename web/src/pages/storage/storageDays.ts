import type { StoredTable } from '../../api/storage';
import { parseTime } from '../../api/wire';

/** What one day of all tables takes, by level. */
export interface StorageDay {
  readonly dayMs: number;
  readonly bytes: number;
  readonly rows: number;
  readonly byLevel: Readonly<Record<string, number>>;
}

/** Days of all tables together, the newest first. */
export function buildStorageDays(tables: readonly StoredTable[]): StorageDay[] {
  const days = new Map<number, { bytes: number; rows: number; byLevel: Record<string, number> }>();
  for (const { level, days: ofTable } of tables) {
    for (const { day, bytes, rows } of ofTable) {
      const dayMs = parseTime(day);
      if (dayMs === null) continue;
      const known = days.get(dayMs) ?? { bytes: 0, rows: 0, byLevel: {} };
      known.bytes += bytes;
      known.rows += rows;
      known.byLevel[level] = (known.byLevel[level] ?? 0) + bytes;
      days.set(dayMs, known);
    }
  }
  return [...days].map(([dayMs, day]) => ({ dayMs, ...day })).sort((a, b) => b.dayMs - a.dayMs);
}

/** Tables by what they take, the largest first. */
export function sortBySize(tables: readonly StoredTable[]): StoredTable[] {
  return [...tables].sort((a, b) => b.bytes - a.bytes);
}
