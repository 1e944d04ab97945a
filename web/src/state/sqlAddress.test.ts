import { describe, expect, it } from 'vitest';

import { decodeSqlView, encodeSqlView } from './sqlAddress';

describe('SQL in the address', () => {
  it.each([
    [{ query: '', show: 'table' }],
    [{ query: 'SELECT 1', show: 'chart' }],
    [{ query: 'SELECT "a" + 1 -- ä\nFROM host WHERE x = \'50%&\' LIMIT 5', show: 'table' }],
  ] as const)('%j comes back', (view) => expect(decodeSqlView(encodeSqlView(view))).toEqual(view));

  it('is empty for nothing, and falls back on anything else', () => {
    expect(encodeSqlView({ query: '', show: 'table' })).toBe('');
    expect(decodeSqlView('?show=heat&q')).toEqual({ query: '', show: 'table' });
    expect(encodeSqlView({ query: 'x'.repeat(7000), show: 'table' })).toBe('');
  });
});
