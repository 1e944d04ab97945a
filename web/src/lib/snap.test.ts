import { describe, expect, it } from 'vitest';

import { EMPTY_GRID, makeGrid, meanOver, newestIndex, snap, snapSpan } from './snap';

// Snapshots every 5 s in buckets of 1 s, with a gap of 20 s.
const timeMs = Array.from({ length: 60 }, (_, index) => index * 1000);
const filled = timeMs.map((ms) => (ms % 5000 === 2000 && (ms < 20_000 || ms > 40_000) ? 1 : null));
const grid = makeGrid(timeMs, filled, 1000);

describe('snap', () => {
  it('goes to the nearest snapshot when buckets are finer than snapshots', () => {
    expect(snap(grid, 3900)).toEqual({ index: 2, atMs: 2999, drawnMs: 2500 });
    expect(snap(grid, 5100)).toEqual({ index: 7, atMs: 7999, drawnMs: 7500 });
    expect(snap(grid, -500).index).toBe(2);
  });
  it('stays where it is in a gap', () => {
    expect(snap(grid, 30_000)).toEqual({ index: -1, atMs: 30_000, drawnMs: 30_000 });
    expect(snap(EMPTY_GRID, 12.4)).toEqual({ index: -1, atMs: 12, drawnMs: 12.4 });
  });
  it('knows the newest', () => {
    expect(newestIndex(grid)).toBe(57);
    expect(newestIndex(EMPTY_GRID)).toBe(-1);
  });
});

describe('ranges on the grid', () => {
  it('widens to whole buckets', () => {
    expect(snapSpan(grid, { fromMs: 2100, toMs: 4900 })).toEqual({ fromMs: 2000, toMs: 5000 });
    expect(snapSpan(grid, { fromMs: 2100, toMs: 2100 })).toEqual({ fromMs: 2000, toMs: 3000 });
  });
  it('takes the mean of what is there', () => {
    expect(meanOver(makeGrid([0, 1, 2, 3], [1, 1, 1, 1], 1), [1, null, 3, 100], { fromMs: 0, toMs: 3 })).toBe(
      2,
    );
    expect(meanOver(grid, filled, { fromMs: 25_000, toMs: 30_000 })).toBeNull();
  });
});
