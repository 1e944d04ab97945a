import { describe, expect, it } from 'vitest';

import { DEFAULT_FLEET, type FleetView, decodeFleetView, encodeFleetView } from './fleetAddress';

describe('fleet view in the address', () => {
  it.each<Partial<FleetView>>([
    {},
    { view: 'heat', reading: 'io_pressure_some_ratio', rangeMs: 7 * 86_400_000 },
    { view: 'grid' },
    { view: 'table', group: 'kernel' },
    { group: 'tag' },
    { group: 'tag:机房' },
    { sort: { column: 'name', descending: true }, filter: '' },
    { sort: { column: 'cpu', descending: true }, filter: 'db -02 ä&=' },
    { sort: { column: 'load', descending: false }, filter: '' },
  ])('%j comes back', (part) => {
    const view = { ...DEFAULT_FLEET, ...part };
    expect(decodeFleetView(encodeFleetView(view))).toEqual(view);
  });
  it('leaves out defaults and ignores nonsense', () => {
    expect(encodeFleetView(DEFAULT_FLEET)).toBe('');
    expect(decodeFleetView('?sort=!!&view=3d&group=colour&reading=../x&range=soon')).toEqual(DEFAULT_FLEET);
  });
});
