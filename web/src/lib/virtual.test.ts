import { describe, expect, it } from 'vitest';

import { rowWindow } from './virtual';

describe('rowWindow', () => {
  it('draws what is seen and a little more', () => {
    expect(rowWindow(1000, 20, 2000, 200, 2)).toEqual({ first: 98, last: 112, before: 1960, after: 17_760 });
  });
  it('draws a short list as a whole', () => {
    expect(rowWindow(3, 20, 0, 200)).toEqual({ first: 0, last: 3, before: 0, after: 0 });
    expect(rowWindow(0, 20, 0, 200)).toEqual({ first: 0, last: 0, before: 0, after: 0 });
  });
  it('still draws the end when the list got shorter than where it was scrolled to', () => {
    expect(rowWindow(20, 20, 9000, 100, 0)).toEqual({ first: 15, last: 20, before: 300, after: 0 });
  });
  it('always adds up to the height of the list', () => {
    for (let scroll = -50; scroll < 3000; scroll += 37) {
      const { first, last, before, after } = rowWindow(100, 20, scroll, 333);
      expect(before + (last - first) * 20 + after).toBe(2000);
    }
  });
});
