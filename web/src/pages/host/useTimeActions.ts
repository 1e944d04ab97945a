/** What pointer, buttons and keys do with time, all in one place: each is a change of the address. */
import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import type { LiveSnapshot } from '../../api/live';
import { type ProcessesAt, processesAtKey } from '../../api/processes';
import { fetchSnapshotTimes } from '../../api/series';
import { useKeys } from '../../components/useKeys';
import { COMPARISONS, type Comparison } from '../../lib/compare';
import { DEFAULT_RANGE, type Range, type Span, panBy, zoomBy, zoomTo } from '../../lib/range';
import { type Left, goBack, leave } from '../../lib/undo';
import { type HostView, decodeHostView } from '../../state/hostAddress';
import type { TimeActions } from './useTimeGestures';
import type { HostSeries } from './useHostSeries';
import { type ChangeView, useFrozenRange } from './useHostView';

export interface TimeActionsInput {
  readonly host: string;
  readonly view: HostView;
  readonly change: ChangeView;
  readonly onJump: (direction: 1 | -1) => void;
  readonly onStats: () => void;
  readonly span: Span;
  readonly series: HostSeries;
  readonly live: LiveSnapshot | null;
  readonly filterInput: RefObject<HTMLInputElement | null>;
}

export interface TimeControl {
  readonly actions: TimeActions;
  readonly step: (count: number) => void;
  readonly goNow: () => void;
  readonly setRange: (range: Range) => void;
  /** Shows the instant nearest to `ms`, pinned. */
  readonly jumpTo: (ms: number) => void;
  readonly canUndo: boolean;
}

/** Without, with yesterday, with last week, without. */
const nextComparison = (now: Comparison | null): Comparison | null =>
  COMPARISONS[now === null ? 0 : COMPARISONS.indexOf(now) + 1] ?? null;

const ZOOM = 2;
const PAN = 0.5;
const MANY_STEPS = 10;

export function useTimeActions(input: TimeActionsInput): TimeControl {
  const { host, view, span } = input;
  const { change, undo, canUndo } = useUndo(input.change);
  const client = useQueryClient();
  const { freeze, thaw } = useFrozenRange();
  const followed = useRef<Range>(DEFAULT_RANGE);
  useEffect(() => {
    if (view.range.kind === 'last') followed.current = view.range;
  }, [view.range]);

  const actions = useMemo<TimeActions>(
    () => ({
      pin: (atMs) => {
        if (atMs === null) {
          change({ pinMs: null, range: view.selection ? view.range : thaw(view.range) });
          return;
        }
        // The exact snapshot, when its rows are here already: it makes the better link.
        const known = client.getQueryData<ProcessesAt>(processesAtKey(host, atMs));
        change({ pinMs: known?.timeMs ?? atMs, selection: null, range: freeze(view.range, span) });
      },
      select: (selection) => {
        if (selection) change({ selection, pinMs: null, range: freeze(view.range, span) });
        else change({ selection: null, range: thaw(view.range) });
      },
      zoomTo: (wanted) => change({ range: zoomTo(wanted), selection: null }, { replace: false }),
      zoomBy: (factor, aroundMs, smooth = false) =>
        change({ range: zoomBy(span, factor, aroundMs, serverNow()) }, { replace: smooth }),
      pan: (fraction, smooth = false) =>
        change({ range: panBy(span, fraction, serverNow()) }, { replace: smooth }),
      undo,
    }),
    [host, view.range, view.selection, span, change, undo, client, freeze, thaw],
  );

  const setRange = useCallback(
    (range: Range) => change({ range, pinMs: null, selection: null }, { replace: false }),
    [change],
  );
  const goNow = useCallback(() => setRange(followed.current), [setRange]);
  const step = useStep({ ...input, change }, freeze);
  const jumpTo = useCallback(
    (ms: number) => {
      const fixed = freeze(view.range, span);
      const range = fixed.kind === 'fixed' ? showing(fixed, ms) : fixed;
      change({ pinMs: Math.min(ms, serverNow()), selection: null, range }, { replace: false });
    },
    [change, freeze, view.range, span],
  );
  usePageKeys({ ...input, change }, actions, step, goNow);
  return { actions, step, goNow, setRange, jumpTo, canUndo };
}

/** Notes each view of time that is left, so that `undo` goes back to it. */
function useUndo(change: ChangeView): {
  readonly change: ChangeView;
  readonly undo: () => void;
  readonly canUndo: boolean;
} {
  const stack = useRef<readonly Left[]>([]);
  const [canUndo, setCanUndo] = useState(false);
  const noting = useCallback<ChangeView>(
    (part, options) => {
      if ('range' in part || 'pinMs' in part || 'selection' in part) {
        const { range, pinMs, selection } = decodeHostView(window.location.search);
        const smooth = options?.replace ?? true;
        stack.current = leave(stack.current, { view: { range, pinMs, selection }, atMs: Date.now(), smooth });
        setCanUndo(true);
      }
      change(part, options);
    },
    [change],
  );
  const undo = useCallback(() => {
    const { range, pinMs, selection } = decodeHostView(window.location.search);
    const back = goBack(stack.current, { range, pinMs, selection });
    stack.current = back.stack;
    setCanUndo(back.stack.length > 0);
    if (back.view) change({ ...back.view });
  }, [change]);
  return { change: noting, undo, canUndo };
}

/** Goes to the snapshot `count` before or after the one that is shown. */
function useStep(
  input: TimeActionsInput,
  freeze: (range: Range, span: Span) => Range,
): (count: number) => void {
  const { host, view, change, span, series, live } = input;
  const running = useRef(false);
  return useCallback(
    (count: number) => {
      if (running.current) return;
      running.current = true;
      const newest = view.range.kind === 'last' ? (live?.latest.timeMs ?? span.toMs) : span.toMs;
      const from = view.pinMs ?? view.selection?.toMs ?? newest;
      void findSnapshot(host, from, count, series.grid.spacingMs)
        .then((pinMs) => {
          if (pinMs === null) return;
          const range = freeze(view.range, span);
          change({ pinMs, selection: null, range: range.kind === 'fixed' ? showing(range, pinMs) : range });
        })
        .catch(() => undefined)
        .finally(() => {
          running.current = false;
        });
    },
    [host, view.range, view.pinMs, view.selection, change, span, series.grid.spacingMs, live, freeze],
  );
}

/** How far to look for the next snapshot: past a gap, but not through the whole history. */
const REACHES_MS = [2 * 60_000, 6 * 3_600_000];

async function findSnapshot(
  host: string,
  fromMs: number,
  count: number,
  spacingMs: number,
): Promise<number | null> {
  for (const reach of REACHES_MS) {
    const length = Math.max(reach, Math.min(spacingMs, 60_000) * Math.abs(count) * 2);
    const back = count < 0;
    const span = back
      ? { fromMs: fromMs - length, toMs: fromMs }
      : { fromMs: fromMs + 1, toMs: fromMs + 1 + length };
    const times = await fetchSnapshotTimes(host, span);
    const found = back ? times.at(Math.max(-times.length, count)) : times[Math.min(count, times.length) - 1];
    if (found !== undefined) return found;
  }
  return null;
}

/** `range`, moved if need be so that `ms` is in it: a little when it is near, to the middle when it is far. */
function showing(range: Span & { readonly kind: 'fixed' }, ms: number): Range {
  const length = range.toMs - range.fromMs;
  const isFar = ms < range.fromMs - length || ms > range.toMs + length;
  const near = ms < range.fromMs ? ms - range.fromMs : Math.max(0, ms - range.toMs + 1);
  const shift = isFar ? Math.round(ms - (range.fromMs + range.toMs) / 2) : near;
  return shift === 0 ? range : { kind: 'fixed', fromMs: range.fromMs + shift, toMs: range.toMs + shift };
}

function usePageKeys(
  { view, change, span, filterInput, onJump, onStats }: TimeActionsInput,
  actions: TimeActions,
  step: (count: number) => void,
  goNow: () => void,
): void {
  const escape = (): void => {
    if (view.selection) actions.select(null);
    else if (view.pinMs !== null) actions.pin(null);
    else if (view.process) change({ process: null });
  };
  const zoomOut = (): void => actions.zoomBy(ZOOM, (span.fromMs + span.toMs) / 2);
  useKeys({
    arrowleft: () => step(-1),
    arrowright: () => step(1),
    'shift+arrowleft': () => step(-MANY_STEPS),
    'shift+arrowright': () => step(MANY_STEPS),
    t: () => step(1),
    'shift+t': () => step(-1),
    j: () => onJump(1),
    'shift+j': () => onJump(-1),
    u: actions.undo,
    m: onStats,
    w: () => {
      if (view.selection) change({ changes: view.changes ? null : 'before' }, { replace: false });
    },
    c: () => change({ compare: nextComparison(view.compare) }),
    enter: () => {
      if (view.selection) actions.zoomTo(view.selection);
    },
    '-': zoomOut,
    '[': () => actions.pan(-PAN),
    ']': () => actions.pan(PAN),
    escape,
    n: goNow,
    '/': () => filterInput.current?.focus(),
  });
}
