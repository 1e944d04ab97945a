import { useCallback } from 'react';

import { PRESETS } from '../../lib/range';
import { type Command, useCommands } from '../../state/commands';
import { text } from '../../text';
import type { TimeControl } from './useTimeActions';
import type { TimePage } from './useTimePage';

/** What the palette can do with time. */
export function useTimeCommands(page: TimePage, control: TimeControl, withCompare: boolean): void {
  const { change, onStats, onJump } = page;
  const { goNow, setRange, actions } = control;
  const provide = useCallback((): readonly Command[] => {
    const words = text.host.range;
    const command = (id: string, title: string, run: () => void, keys?: string): Command => ({
      id: `time:${id}`,
      group: 'time',
      title,
      run,
      ...(keys === undefined ? {} : { keys }),
    });
    return [
      command('now', words.nowHint, goNow, 'N'),
      command('jump', text.jump.back, () => onJump(-1), 'Shift J'),
      command('undo', words.undo, actions.undo, 'U'),
      command('stats', words.stats, onStats, 'M'),
      ...(withCompare
        ? [
            command('day', words.compareWith['1d'], () => change({ compare: '1d' }), 'C'),
            command('week', words.compareWith['7d'], () => change({ compare: '7d' })),
            command('alone', words.compareNone, () => change({ compare: null })),
          ]
        : []),
      ...PRESETS.map(({ name, ms }) => ({
        ...command(name, words.last(name), () => setRange({ kind: 'last', ms })),
        onlyFound: true,
      })),
    ];
  }, [goNow, onJump, actions, onStats, withCompare, change, setRange]);
  useCommands(provide);
}
