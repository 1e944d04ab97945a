import { describe, expect, it } from 'vitest';

import type { Host } from '../../api/hosts';

import { totalMs, trendGaps } from './trends';

const MINUTE = 60_000;
const [a, gone] = [0.5, null];

describe('gaps of a trend', () => {
  it.each<[string, readonly (number | null)[], Partial<Host>, number]>([
    ['none', [a, a, a, a, a, a, a, a, a, a], {}, 0],
    ['one between', [a, a, gone, gone, gone, gone, a, a, a, a], {}, 4],
    ['not before it joined', [gone, gone, gone, gone, a, a, a, a, a, a], { createdMs: 4 * MINUTE }, 0],
    ['before it was started again', [gone, gone, gone, gone, a, a, a, a, a, a], {}, 4],
    [
      'not after it was seen last',
      [a, a, a, a, gone, gone, gone, gone, gone, gone],
      { lastSeenMs: 4 * MINUTE },
      0,
    ],
    ['all of it', [gone, gone, gone, gone, gone, gone, gone, gone, gone, gone], {}, 10],
    ['none of one that was never seen', [gone, gone, gone], { lastSeenMs: null }, 0],
    ['not where snapshots are seldom', [a, gone, a, gone, a, gone, a, gone, a, gone], {}, 0],
  ])('%s', (_, values, part, expected) => {
    const timeMs = values.map((_value, index) => index * MINUTE);
    const host = { createdMs: 0, lastSeenMs: 10 * MINUTE, ...part } as Host;
    expect(totalMs(trendGaps({ timeMs, bucketMs: MINUTE, values }, host))).toBe(expected * MINUTE);
  });
});
