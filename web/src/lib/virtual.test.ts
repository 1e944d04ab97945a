import { describe, expect, it } from 'vitest';

import { lineTops, lineWindow, rowWindow } from './virtual';

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

describe('lineWindow', () => {
  const heights = Array.from({ length: 100 }, (_, index) => (index % 10 === 0 ? 40 : 150));
  const tops = lineTops(heights);
  it('draws what is seen and a little more', () => {
    expect(lineWindow(tops, 0, 300, 1)).toEqual({ first: 0, last: 4, before: 0, after: 13_900 - 490 });
    expect(lineWindow(tops, 1390, 300, 0)).toMatchObject({ first: 10, last: 13, before: 1390 });
  });
  it('draws a short list as a whole', () => {
    expect(lineWindow(lineTops([40, 150]), 0, 800)).toEqual({ first: 0, last: 2, before: 0, after: 0 });
    expect(lineWindow(lineTops([]), 0, 800)).toEqual({ first: 0, last: 0, before: 0, after: 0 });
  });
  it('covers what is seen and adds up to the height of the list, also where the list got shorter', () => {
    for (let scroll = -50; scroll < 15_000; scroll += 37) {
      const { first, last, before, after } = lineWindow(tops, scroll, 333, 0);
      const drawn = heights.slice(first, last).reduce((sum, height) => sum + height, 0);
      expect(before + drawn + after).toBe(13_900);
      const top = Math.max(0, Math.min(scroll, 13_900 - 333));
      expect(before).toBeLessThanOrEqual(top);
      expect(before + drawn).toBeGreaterThanOrEqual(top + 333);
    }
  });
});
