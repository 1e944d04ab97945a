import { describe, expect, it } from 'vitest';

import type { StoredTable } from '../../api/storage';
import { buildStorageDays, sortBySize } from './storageDays';

function table(level: string, bytes: number, days: readonly [string, number][]): StoredTable {
  return {
    table: 'host',
    level,
    files: 1,
    rows: 1,
    bytes,
    from: '2026-11-20T00:00:00.000Z',
    to: '2026-11-21T00:00:00.000Z',
    retention_seconds: 60,
    bytes_per_day: null,
    projected_bytes: null,
    days: days.map(([day, ofDay]) => ({ day, files: 1, rows: 2, bytes: ofDay })),
  };
}

describe('days of the history', () => {
  const raw = table('raw', 30, [
    ['2026-11-20T00:00:00.000Z', 10],
    ['2026-11-21T00:00:00.000Z', 20],
  ]);
  const hours = table('1h', 40, [['2026-11-20T00:00:00.000Z', 40]]);

  it('adds up all tables, the newest day first', () => {
    expect(buildStorageDays([raw, hours])).toEqual([
      { dayMs: Date.parse('2026-11-21'), bytes: 20, rows: 2, byLevel: { raw: 20 } },
      { dayMs: Date.parse('2026-11-20'), bytes: 50, rows: 4, byLevel: { raw: 10, '1h': 40 } },
    ]);
  });
  it('has none without tables', () => expect(buildStorageDays([])).toEqual([]));
  it('puts the largest table first', () => expect(sortBySize([raw, hours])).toEqual([hours, raw]));
});
