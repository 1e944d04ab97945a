import { describe, expect, it } from 'vitest';

import { type Left, type TimeView, goBack, leave } from './undo';

const last = (ms: number): TimeView => ({ range: { kind: 'last', ms }, pinMs: null, selection: null });
const step = (ms: number, atMs: number, smooth = false): Left => ({ view: last(ms), atMs, smooth });

describe('views that were left', () => {
  it('come back, the newest first', () => {
    const stack = [step(1, 0), step(2, 10), step(3, 20)].reduce<readonly Left[]>(leave, []);
    const first = goBack(stack, last(4));
    expect(first.view).toEqual(last(3));
    const second = goBack(first.stack, last(3));
    expect(second.view).toEqual(last(2));
    expect(goBack(goBack(second.stack, last(2)).stack, last(1)).view).toBeNull();
  });

  it('many small steps are one', () => {
    const stack = [step(1, 0, true), step(2, 500, true), step(3, 1000, true), step(4, 5000, true)];
    expect(stack.reduce<readonly Left[]>(leave, []).map(({ view }) => view)).toEqual([last(1), last(4)]);
  });

  it('never lead to where one is', () => {
    expect(goBack([step(1, 0), step(2, 1)], last(2)).view).toEqual(last(1));
    expect(leave([step(1, 0)], step(1, 9))).toHaveLength(1);
  });

  it('are at most a hundred', () => {
    let stack: readonly Left[] = [];
    for (let count = 0; count < 500; count += 1) stack = leave(stack, step(count, count * 1000));
    expect(stack).toHaveLength(100);
    expect(stack.at(-1)?.view).toEqual(last(499));
  });
});
