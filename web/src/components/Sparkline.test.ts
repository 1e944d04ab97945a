import { describe, expect, it } from 'vitest';

import { sparklinePaths } from './Sparkline';

describe('sparklinePaths', () => {
  it('draws one line through all values, from edge to edge', () => {
    expect(sparklinePaths([0, 1, 0.5], 1, 100, 12).line).toBe('M0.0 11.0L50.0 1.0L100.0 6.0');
  });
  it('breaks at a gap and bridges what is undefined', () => {
    const { line, area } = sparklinePaths([1, undefined, 1, null, 1, 1], 1, 100, 12);
    expect(line).toBe('M0.0 1.0L40.0 1.0M80.0 1.0L100.0 1.0');
    expect(area.split('Z')).toHaveLength(3);
  });
  it('cuts off what is above the scale and draws nothing for nothing', () => {
    expect(sparklinePaths([5], 1, 100, 12).line).toBe('M0.0 1.0');
    expect(sparklinePaths([], 1, 100, 12)).toEqual({ line: '', area: '' });
    expect(sparklinePaths([null, null], 1, 100, 12)).toEqual({ line: '', area: '' });
  });
});
