import { describe, expect, it } from 'vitest';

import type { FleetItem } from './fleetGroups';

import { cardsBeside, gridLines } from './gridLines';

const card = (key: string): FleetItem => ({ kind: 'host', key, row: {} as never });
const group = (name: string): FleetItem => ({
  kind: 'group',
  name,
  hosts: 1,
  up: 1,
  cpu: null,
  memory: null,
});

describe('cards in lines', () => {
  it.each([
    [0, 1],
    [360, 1],
    [516, 2],
    [1408, 5],
  ])('%d pixels have room for %d', (width, expected) => expect(cardsBeside(width)).toBe(expected));

  it('fill lines, and a group begins one', () => {
    const items = [group('a'), ...['1', '2', '3'].map(card), group('b'), card('4')];
    const lines = gridLines(items, 2).map((line) =>
      line.kind === 'group'
        ? `[${line.group.name ?? ''}]`
        : `${String(line.place)}: ${line.cards.map(({ key }) => key).join(' ')}`,
    );
    expect(lines).toEqual(['[a]', '1: 1 2', '3: 3', '[b]', '5: 4']);
    expect(gridLines([], 3)).toEqual([]);
  });
});
