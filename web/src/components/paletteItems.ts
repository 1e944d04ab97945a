import { best } from '../lib/search';
import type { Command, CommandGroup } from '../state/commands';

export const COMMAND_GROUPS: readonly CommandGroup[] = ['page', 'host', 'process', 'time', 'action', 'zone'];

/** Of each group at first, and while somebody types. */
const AT_FIRST = 6;
const FOUND = 30;

export interface PaletteGroup {
  readonly group: CommandGroup;
  readonly commands: readonly Command[];
}

/**
 * What the palette lists. Groups keep their order while nothing is typed; then the group of the best find
 * comes first.
 */
export function buildPalette(commands: readonly Command[], typed: string): readonly PaletteGroup[] {
  const isTyping = typed.trim() !== '';
  if (!isTyping) {
    return COMMAND_GROUPS.map((group) => ({
      group,
      commands: commands.filter((one) => one.group === group && !one.onlyFound).slice(0, AT_FIRST),
    })).filter((group) => group.commands.length > 0);
  }
  const found = best(commands, typed, (one) => `${one.title} ${one.words ?? ''}`.trim(), FOUND);
  const groups = [...new Set(found.map(({ group }) => group))];
  return groups.map((group) => ({ group, commands: found.filter((one) => one.group === group) }));
}
