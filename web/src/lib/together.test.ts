import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { askTogether } from './together';

const signal = new AbortController().signal;
const lengths = (keys: readonly string[]): ReadonlyMap<string, number> =>
  new Map(keys.filter((key) => key !== 'gone').map((key) => [key, key.length]));

describe('questions that are asked together', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('are one question, and each gets its answer', async () => {
    const fetchAll = vi.fn(async (keys: readonly string[]) => Promise.resolve(lengths(keys)));
    const { ask } = askTogether(fetchAll, { waitMs: 50, most: 100 });
    const answers = Promise.all(['a', 'bb', 'a'].map((key) => ask(key, signal)));
    await vi.advanceTimersByTimeAsync(50);
    expect(await answers).toEqual([1, 2, 1]);
    expect(fetchAll.mock.calls).toEqual([[['a', 'bb']]]);
    const later = ask('ccc', signal);
    await vi.advanceTimersByTimeAsync(50);
    expect(await later).toBe(3);
    expect(fetchAll).toHaveBeenCalledTimes(2);
  });

  it('are not asked when nobody waits any longer', async () => {
    const fetchAll = vi.fn(async (keys: readonly string[]) => Promise.resolve(lengths(keys)));
    const { ask } = askTogether(fetchAll, { waitMs: 50, most: 100 });
    const gone = new AbortController();
    const lost = expect(ask('a', gone.signal)).rejects.toThrow();
    const kept = ask('bb', signal);
    gone.abort();
    await vi.advanceTimersByTimeAsync(50);
    await lost;
    expect(await kept).toBe(2);
    expect(fetchAll.mock.calls).toEqual([[['bb']]]);
  });

  it('are several questions where they are too many, and fail together', async () => {
    const fetchAll = vi.fn(async (keys: readonly string[]) =>
      keys.includes('bad') ? Promise.reject(new Error('offline')) : Promise.resolve(lengths(keys)),
    );
    const { ask } = askTogether(fetchAll, { waitMs: 50, most: 2 });
    const asked = Promise.allSettled(['a', 'gone', 'bad', 'b'].map((key) => ask(key, signal)));
    await vi.advanceTimersByTimeAsync(50);
    expect((await asked).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
    ]);
    expect(fetchAll).toHaveBeenCalledTimes(2);
  });
});
