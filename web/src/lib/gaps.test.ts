import { describe, expect, it } from 'vitest';

import type { GapSegment } from '../api/gaps';
import { breakAtGaps, explainGaps } from './gaps';

const segment = (fromMs: number, toMs: number, state: GapSegment['state']): GapSegment => ({
  fromMs,
  toMs,
  state,
  reason: state === 'dropped' ? 'age' : null,
  frames: state === 'none' ? null : 3,
});

describe('explainGaps', () => {
  it('names what the server knows and leaves out what has a line', () => {
    const segments = [
      segment(0, 100, 'delivered'),
      segment(100, 200, 'dropped'),
      segment(200, 300, 'buffered'),
      segment(300, 400, 'late'),
      segment(400, 404, 'none'),
      segment(404, 500, 'delivered'),
    ];
    const gaps = explainGaps([{ fromMs: 90, toMs: 310 }], segments, 5);
    expect(
      gaps.map(({ fromMs, toMs, state, reason, frames }) => [fromMs, toMs, state, reason, frames]),
    ).toEqual([
      [100, 200, 'dropped', 'age', 3],
      [200, 300, 'buffered', null, 3],
    ]);
  });

  it('keeps what the charts found beyond the answer', () => {
    const found = [
      { fromMs: -50, toMs: 20 },
      { fromMs: 80, toMs: 160 },
      { fromMs: 40, toMs: 60 },
    ];
    const gaps = explainGaps(found, [segment(0, 100, 'delivered')], 1);
    expect(gaps.map(({ fromMs, toMs, state }) => [fromMs, toMs, state])).toEqual([
      [-50, 0, 'unknown'],
      [100, 160, 'unknown'],
    ]);
  });

  it('has all that the charts found while there is no answer', () => {
    const gaps = explainGaps([{ fromMs: 10, toMs: 20 }], [], 1);
    expect(gaps).toEqual([{ fromMs: 10, toMs: 20, state: 'unknown', reason: null, frames: null }]);
  });
});

describe('breakAtGaps', () => {
  it('never lets a line join over a gap', () => {
    const times = [0, 5, 10, 15, 20, 25];
    const drawn = [1, undefined, 2, undefined, 3, null];
    expect(breakAtGaps(times, 5, drawn, [{ fromMs: 14, toMs: 18 }])).toEqual([
      1,
      undefined,
      2,
      null,
      3,
      null,
    ]);
    expect(breakAtGaps(times, 5, drawn, [])).toBe(drawn);
  });

  it('leaves what was measured', () => {
    expect(breakAtGaps([0, 5], 5, [1, 2], [{ fromMs: 0, toMs: 10 }])).toEqual([1, 2]);
  });
});
