import { describe, expect, it } from 'vitest';

import type { TopSeries } from '../../api/top';
import { isMoved } from './useTopTrack';
import { buildTopTrack, partAt, processOfLine, topLineKey } from './topTrack';

const timeMs = [0, 5000, 10_000];
const host = { timeMs, bucketMs: 5000, columns: { cpu_cores: [2, 2, 2] } };
const process = (pid: number, values: readonly (number | null)[]): TopSeries['processes'][number] => ({
  key: { pid, startMs: 1000 },
  name: `p${String(pid)}`,
  command: null,
  values,
});
const top: TopSeries = {
  by: 'cpu',
  timeMs,
  bucketMs: 5000,
  processes: [process(7, [0.5, 0.25, null]), process(9, [null, 0.25, 0.25])],
  other: [0.5, 0.5, null],
  total: [1, 1, 0.25],
  complete: true,
};

describe('the top processes', () => {
  const track = buildTopTrack(host, top, new Map([['9@1000', 'p3']]), ({ pid }) => `/p/${String(pid)}`);

  it('are a stack with the rest above it that ends at the total', () => {
    expect(track.lines.map(({ key }) => key)).toEqual(['7-1000', '9-1000', 'other']);
    expect(track.lines.at(-1)?.drawn.slice(0, 2)).toEqual([1, 1]);
    expect(track.headline.values).toEqual([1, 1, 0.25]);
    expect(track.lines.map(({ drawn }) => drawn[0])).toEqual([0.5, 0.5, 1]);
    expect(track.lines.map(({ values }) => values[0])).toEqual([0.5, null, 0.5]);
  });

  it('have the colours they were given, and lead to their pages', () => {
    expect(track.lines[1]?.color).toBe('p3');
    expect(track.lines.map(({ href }) => href)).toEqual(['/p/7', '/p/9', undefined]);
  });

  it.each([
    [0, 0.4, '7-1000'],
    [0, 0.6, 'other'],
    [1, 0.3, '9-1000'],
    [1, 1.5, null],
    [2, 0.1, '9-1000'],
    [9, 0.1, null],
  ])('in bucket %d at %d is %s', (index, value, expected) => {
    expect(partAt(track, index, value)).toBe(expected);
  });

  it('a line says which process it is', () => {
    expect(processOfLine(topLineKey({ pid: 7, startMs: 1000 }))).toEqual({ pid: 7, startMs: 1000 });
    expect(processOfLine('other')).toBeNull();
  });

  it('buckets that the other call does not have are empty', () => {
    const shifted = buildTopTrack(host, { ...top, timeMs: [5000, 10_000, 15_000] }, new Map(), () => '');
    expect(shifted.headline.values).toEqual([null, 1, 1]);
  });
});

describe('a range that moves on', () => {
  const query = { host: 'web', fromMs: 0, toMs: 60_000, points: 100, columns: [] };
  const asked = { query, by: 'cpu' } as const;

  it.each([
    ['is the same', {}, 'no'],
    ['a step further', { fromMs: 1000, toMs: 61_000 }, 'on'],
    ['far away', { fromMs: 600_000, toMs: 660_000 }, 'elsewhere'],
    ['longer', { toMs: 120_000 }, 'elsewhere'],
    ['of another host', { host: 'db' }, 'elsewhere'],
  ] as const)('%s', (_, part, expected) => {
    expect(isMoved(asked, { query: { ...query, ...part }, by: 'cpu' })).toBe(expected);
  });

  it('of another resource is another one', () => {
    expect(isMoved(asked, { query, by: 'memory' })).toBe('elsewhere');
  });
});
