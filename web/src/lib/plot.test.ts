import { describe, expect, it } from 'vitest';

import {
  align,
  bridge,
  bucketAt,
  bytesAbove,
  filledBucketNear,
  findGaps,
  roundAbove,
  stack,
  stepAbove,
  usualSpacing,
} from './plot';

const times = (count: number, step = 5): number[] =>
  Array.from({ length: count }, (_, index) => index * step);

describe('gaps', () => {
  it('knows how far snapshots usually are apart, whatever the buckets', () => {
    const values = [1, null, 1, null, 1, null, null, null, null, 1];
    expect(usualSpacing(times(10), values, 5)).toBe(10);
    expect(usualSpacing(times(2), [1, 1], 5)).toBe(5);
    expect(usualSpacing([], [], 5)).toBe(5);
  });

  it('bridges what lies between two snapshots and breaks the line at a gap', () => {
    const values = [null, 1, null, 2, null, 3, null, null, null, null, null, null, 4, null];
    expect(bridge(times(14), values, 10)).toEqual([
      null,
      1,
      undefined,
      2,
      undefined,
      3,
      null,
      null,
      null,
      null,
      null,
      null,
      4,
      null,
    ]);
  });

  it('leaves one missed snapshot alone but marks two', () => {
    const span = { fromMs: 0, toMs: 50 };
    expect(findGaps(times(10), [1, 1, 1, null, 1, 1, 1, 1, 1, 1], 5, span)).toEqual([]);
    expect(findGaps(times(10), [1, 1, 1, null, null, 1, 1, 1, 1, 1], 5, span)).toEqual([
      { fromMs: 15, toMs: 25 },
    ]);
  });

  it('marks both ends and an empty range', () => {
    const span = { fromMs: 0, toMs: 50 };
    expect(findGaps(times(10), [null, null, null, 1, 1, 1, 1, null, null, null], 5, span)).toEqual([
      { fromMs: 0, toMs: 15 },
      { fromMs: 35, toMs: 50 },
    ]);
    expect(findGaps(times(10), Array.from<null>({ length: 10 }).fill(null), 5, span)).toEqual([span]);
    expect(findGaps([], [], 5, span)).toEqual([span]);
  });
});

describe('stack', () => {
  it('adds up, and a sum is a gap only where all of its parts are', () => {
    expect(
      stack([
        [1, null, 1, undefined],
        [2, null, null, undefined],
        [3, null, 3, undefined],
      ]),
    ).toEqual([
      [1, null, 1, undefined],
      [3, null, 1, undefined],
      [6, null, 4, undefined],
    ]);
  });
});

describe('scales', () => {
  it('leaves air above the highest value', () => {
    expect(stepAbove(0.3, [0.25, 0.5, 1])).toBe(0.5);
    expect(stepAbove(0.25, [0.25, 0.5, 1])).toBe(0.5);
    expect(stepAbove(3, [0.25, 0.5, 1])).toBe(1);
  });
  it.each([
    [0, 1024, 1024],
    [1500, 1024, 2048],
    [700 * 1024, 1, 800 * 1024],
    [1020 * 1024, 1, 2 * 1024 * 1024],
    [3 * 2 ** 30, 1, 4 * 2 ** 30],
  ])('bytes above %d, at least %d: %d', (max, least, expected) =>
    expect(bytesAbove(max, least)).toBe(expected),
  );
  it.each([
    [0, 1, 1],
    [1, 1, 2],
    [4.2, 1, 5],
    [18, 1, 20],
    [99, 1, 200],
  ])('round number above %d, at least %d: %d', (max, least, expected) =>
    expect(roundAbove(max, least)).toBe(expected),
  );
});

describe('bucketAt', () => {
  it('finds the bucket that holds an instant, and the nearest one outside', () => {
    const starts = [100, 110, 120, 150];
    expect(bucketAt(starts, 10, 95)).toBe(0);
    expect(bucketAt(starts, 10, 109)).toBe(0);
    expect(bucketAt(starts, 10, 110)).toBe(1);
    expect(bucketAt(starts, 10, 138)).toBe(2);
    expect(bucketAt(starts, 10, 145)).toBe(3);
    expect(bucketAt(starts, 10, 999)).toBe(3);
    expect(bucketAt([], 10, 5)).toBe(-1);
  });
  it('looks around for a filled one', () => {
    expect(filledBucketNear([1, null, null, null, 2], 2, 1)).toBe(-1);
    expect(filledBucketNear([1, null, null, 2], 2, 1)).toBe(3);
    expect(filledBucketNear([1, null, null, 2], 1, 1)).toBe(0);
    expect(filledBucketNear([1], 0, 0)).toBe(0);
  });
});

describe('align', () => {
  it('puts values into other buckets by their start', () => {
    expect(align([0, 5, 10, 15], [5, 10, 20], [1, undefined, 3])).toEqual([null, 1, null, null]);
  });
});
