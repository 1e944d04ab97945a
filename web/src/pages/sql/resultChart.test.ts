import { describe, expect, it } from 'vitest';

import type { SqlResult } from '../../api/sql';
import { MOST_BARS, MOST_LINES, buildResultChart } from './resultChart';

const result = (columns: [string, string][], rows: SqlResult['rows']): SqlResult => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows,
  truncated: false,
});

const TIME: [string, string] = ['time', 'Timestamp(ms, "+00:00")'];

describe('charts of results', () => {
  it('numbers over time are lines, one for each name', () => {
    const chart = buildResultChart(
      result(
        [TIME, ['host', 'Utf8View'], ['load1', 'Float64']],
        [
          ['2026-11-20T00:00:05Z', 'web', 2],
          ['2026-11-20T00:00:00Z', 'web', 1],
          ['2026-11-20T00:00:05Z', 'db', null],
        ],
      ),
    );
    expect(chart).toMatchObject({
      kind: 'lines',
      timeMs: [Date.parse('2026-11-20T00:00:00Z'), Date.parse('2026-11-20T00:00:05Z')],
      lines: [
        { name: 'web', values: [1, 2] },
        { name: 'db', values: [undefined, null] },
      ],
    });
  });

  it('several numbers over time are named by their columns', () => {
    const chart = buildResultChart(
      result(
        [TIME, ['a', 'Int64'], ['b', 'UInt8']],
        [
          ['2026-11-20T00:00:00Z', 1, 2],
          ['2026-11-20T00:00:05Z', 3, 4],
        ],
      ),
    );
    expect(chart).toMatchObject({ lines: [{ name: 'a' }, { name: 'b' }], cut: false });
  });

  it('numbers by name are bars', () => {
    const rows = Array.from({ length: 100 }, (_, index) => [`p${String(index)}`, index]);
    const chart = buildResultChart(
      result(
        [
          ['name', 'Utf8'],
          ['cpu', 'Int64'],
        ],
        rows,
      ),
    );
    expect(chart).toMatchObject({ kind: 'bars', number: 'cpu', max: MOST_BARS - 1, cut: true });
  });

  it('is never more than can be told apart, and says so', () => {
    const rows = Array.from({ length: 40 }, (_, index) => [
      new Date(index * 1000).toISOString(),
      `host-${String(index % 20)}`,
      index,
    ]);
    const chart = buildResultChart(result([TIME, ['host', 'Utf8'], ['n', 'Int64']], rows));
    expect(chart?.kind === 'lines' && chart.lines.length).toBe(MOST_LINES);
    expect(chart?.cut).toBe(true);
  });

  it.each([
    ['no rows', result([['a', 'Int64']], [])],
    ['only texts', result([['a', 'Utf8']], [['x']])],
    ['a single instant', result([TIME, ['a', 'Int64']], [['2026-11-20T00:00:00Z', 1]])],
  ])('%s: no chart', (_, one) => expect(buildResultChart(one)).toBeNull());
});
