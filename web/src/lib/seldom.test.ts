import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { seldom } from './seldom';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('many calls are a first one and a last one', () => {
  const what = vi.fn();
  const { run } = seldom(what, 2000);
  run();
  expect(what).toHaveBeenCalledTimes(1);
  for (let call = 0; call < 100; call += 1) {
    vi.advanceTimersByTime(10);
    run();
  }
  expect(what).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1000);
  expect(what).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(10_000);
  expect(what).toHaveBeenCalledTimes(2);
  run();
  expect(what).toHaveBeenCalledTimes(3);
});

test('what waits is dropped at the end', () => {
  const what = vi.fn();
  const { run, stop } = seldom(what, 2000);
  run();
  run();
  stop();
  vi.advanceTimersByTime(10_000);
  expect(what).toHaveBeenCalledTimes(1);
  run();
  expect(what).toHaveBeenCalledTimes(2);
});
