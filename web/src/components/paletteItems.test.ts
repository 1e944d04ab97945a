import { describe, expect, it } from 'vitest';

import type { Command, CommandGroup } from '../state/commands';

import { buildPalette } from './paletteItems';

const command = (group: CommandGroup, title: string, more: Partial<Command> = {}): Command => ({
  id: `${group}:${title}`,
  group,
  title,
  run: () => undefined,
  ...more,
});

const commands = [
  command('action', 'Dark or light', { words: 'theme' }),
  command('page', 'Storage'),
  command('page', 'Fleet'),
  ...Array.from({ length: 20 }, (_, index) => command('host', `web-${String(index)}`)),
  command('zone', 'Europe/Berlin', { onlyFound: true }),
];

describe('the palette', () => {
  it('shows a few of each group at first, pages before hosts before actions', () => {
    const groups = buildPalette(commands, '');
    expect(groups.map(({ group }) => group)).toEqual(['page', 'host', 'action']);
    expect(groups[1]?.commands).toHaveLength(6);
  });
  it('finds by title and by other words, the best group first', () => {
    expect(buildPalette(commands, 'theme')[0]?.commands[0]?.title).toBe('Dark or light');
    expect(buildPalette(commands, 'berlin').map(({ group }) => group)).toEqual(['zone']);
    expect(buildPalette(commands, 'web-7')[0]?.commands[0]?.title).toBe('web-7');
    expect(buildPalette(commands, 'nowhere')).toEqual([]);
  });
});
