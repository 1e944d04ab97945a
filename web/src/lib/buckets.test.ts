import { describe, expect, it } from 'vitest';

import { bucketsFor, reachingBack } from './buckets';

describe('bucketsFor', () => {
  it('gives round buckets at round times', () => {
    expect(bucketsFor({ fromMs: 3_600_001, toMs: 7_200_001 }, 600)).toEqual({
      bucketMs: 10_000,
      fromMs: 3_600_000,
      toMs: 7_210_000,
      points: 361,
    });
  });
  it('is never finer than snapshots are apart', () => {
    expect(bucketsFor({ fromMs: 0, toMs: 60_000 }, 600).bucketMs).toBe(1000);
    expect(bucketsFor({ fromMs: 0, toMs: 60_000 }, 600, 5000).bucketMs).toBe(5000);
    expect(bucketsFor({ fromMs: 0, toMs: 60_000 }, 600, 5001).bucketMs).toBe(10_000);
    expect(bucketsFor({ fromMs: 0, toMs: 86_400_000 }, 600, 5000).bucketMs).toBe(300_000);
  });
  it('covers the range, with no more buckets than asked for and one at each end', () => {
    for (let length = 20_000; length < 400 * 86_400_000; length = Math.round(length * 1.37)) {
      const span = { fromMs: 1_763_608_325_123, toMs: 1_763_608_325_123 + length };
      const buckets = bucketsFor(span, 500);
      expect(buckets.points).toBeLessThanOrEqual(502);
      expect(Number.isInteger(buckets.points)).toBe(true);
      expect(buckets.fromMs).toBeLessThanOrEqual(span.fromMs);
      expect(buckets.toMs).toBeGreaterThanOrEqual(span.toMs);
    }
  });
});

describe('reachingBack', () => {
  it('adds buckets of the same length before', () => {
    const asked = { host: 'a', fromMs: 100_000, toMs: 130_000, points: 6 };
    expect(reachingBack(asked, 12_000)).toEqual({ host: 'a', fromMs: 85_000, toMs: 130_000, points: 9 });
  });
  it('adds none to buckets that are longer', () => {
    const asked = { fromMs: 0, toMs: 7_200_000, points: 2 };
    expect(reachingBack(asked, 60_000)).toEqual(asked);
  });
});
