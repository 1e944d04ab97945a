/** What every page with a time axis has in common: its view, its range, what is pointed at. */
import { useCallback, useMemo, useState } from 'react';

import { type Span, resolveRange } from '../../lib/range';
import { CursorStore } from '../../state/cursor';
import type { HostView } from '../../state/hostAddress';
import { isBoolean, usePreference } from '../../state/preferences';
import { toggleOnly } from './isolate';
import { type ChangeView, useHostView } from './useHostView';
import { useNow } from './useNow';
import { usePointing } from './usePointing';

export interface TimePage {
  readonly view: HostView;
  readonly change: ChangeView;
  readonly span: Span;
  readonly following: boolean;
  readonly cursor: CursorStore;
  readonly onPointer: (inside: boolean) => void;
  readonly stats: boolean;
  readonly onStats: () => void;
  readonly onOnly: (name: string, more: boolean) => void;
  /** The dialog that asks where to jump; null while it is closed. */
  readonly jump: 1 | -1 | null;
  readonly onJump: (direction: 1 | -1 | null) => void;
}

/** `newestMs` is when the newest snapshot was taken. */
export function useTimePage(path: string, newestMs: number | null): TimePage {
  const { view, change } = useHostView(path);
  const [cursor] = useState(() => new CursorStore());
  const [pointing, onPointer] = usePointing();
  const following = view.range.kind === 'last';
  const length = view.range.kind === 'last' ? view.range.ms : 0;
  const nowMs = useNow(length, newestMs, !following || pointing);
  const span = useMemo(() => resolveRange(view.range, nowMs), [view.range, nowMs]);
  const [stats, setStats] = usePreference('legend.stats', false, isBoolean);
  const [jump, onJump] = useState<1 | -1 | null>(null);
  const { only } = view;
  const onOnly = useCallback(
    (name: string, more: boolean) => change({ only: toggleOnly(only, name, more) }),
    [change, only],
  );
  const onStats = useCallback(() => setStats(!stats), [setStats, stats]);
  return { view, change, span, following, cursor, onPointer, stats, onStats, onOnly, jump, onJump };
}
