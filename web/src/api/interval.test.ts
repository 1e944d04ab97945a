import { describe, expect, it } from 'vitest';

import { intervalOf } from './interval';

describe('intervalOf', () => {
  it('takes the usual distance, whatever the gaps', () => {
    expect(intervalOf([0, 5001, 10_000, 15_002, 99_000, 104_000])).toBe(5000);
    expect(intervalOf([0, 998, 2003])).toBe(1000);
    expect(intervalOf([0, 1500, 3000])).toBe(1500);
  });
  it('assumes the default where there is nothing to measure', () => {
    expect(intervalOf([])).toBe(5000);
    expect(intervalOf([7])).toBe(5000);
  });
});
