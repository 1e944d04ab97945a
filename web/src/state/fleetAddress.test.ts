import { describe, expect, it } from 'vitest';

import { DEFAULT_FLEET, decodeFleetView, encodeFleetView } from './fleetAddress';

describe('fleet view in the address', () => {
  it.each([
    DEFAULT_FLEET,
    { sort: { column: 'name', descending: true }, filter: '' },
    { sort: { column: 'cpu', descending: true }, filter: 'db -02 ä&=' },
    { sort: { column: 'load', descending: false }, filter: '' },
  ])('%j comes back', (view) => expect(decodeFleetView(encodeFleetView(view))).toEqual(view));
  it('leaves out defaults and ignores nonsense', () => {
    expect(encodeFleetView(DEFAULT_FLEET)).toBe('');
    expect(decodeFleetView('?sort=!!')).toEqual(DEFAULT_FLEET);
  });
});
