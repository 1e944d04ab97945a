/** Which moment the process table shows, and its rows. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { firstNow } from '../../api/client';
import type { LiveSnapshot } from '../../api/live';
import {
  type Group,
  type ProcessesAt,
  type ProcessesOver,
  type Resource,
  fetchProcessesAt,
  fetchProcessesOver,
  processesAtKey,
} from '../../api/processes';
import type { Span } from '../../lib/range';

export type Focus =
  | { readonly kind: 'live' }
  | { readonly kind: 'hover' | 'pinned' | 'end'; readonly atMs: number }
  | { readonly kind: 'range'; readonly span: Span };

/** How many processes, or groups, of a range are asked for; the rest is in `other`. */
export const RANGE_LIMIT = 300;

/** The pointer may move from snapshot to snapshot faster than anyone reads them. */
const SETTLE_MS = 70;

export type Shown =
  | { readonly kind: 'at'; readonly answer: ProcessesAt }
  | { readonly kind: 'over'; readonly answer: ProcessesOver; readonly group: Group };

export interface FocusRows {
  readonly shown: Shown | null;
  /** The rows are of another moment than the one asked for: it is still on its way. */
  readonly loading: boolean;
  readonly error: Error | null;
  readonly retry: () => void;
}

/** `lastSeenMs` is when a host that is silent was last heard of: now is then the last of it that is known. */
export function useFocusRows(
  host: string,
  focus: Focus,
  live: LiveSnapshot | null,
  by: Resource,
  group: Group,
  lastSeenMs: number | null,
): FocusRows {
  const liveRows = focus.kind === 'live' ? live : null;
  const [openedMs] = useState(firstNow);
  const wantedMs =
    focus.kind === 'range' ? null : focus.kind === 'live' ? (lastSeenMs ?? openedMs) : focus.atMs;
  const atMs = useSettled(wantedMs, SETTLE_MS);
  const isRange = focus.kind === 'range';
  const at = useQuery({
    queryKey: processesAtKey(host, atMs ?? 0),
    queryFn: ({ signal }) => fetchProcessesAt(host, atMs ?? 0, signal),
    enabled: atMs !== null && !liveRows?.processes,
    placeholderData: keepPreviousData,
    // What was, stays.
    staleTime: Infinity,
    gcTime: 60_000,
  });
  const span = isRange ? focus.span : null;
  const over = useQuery({
    queryKey: ['processes-over', host, span?.fromMs, span?.toMs, by, group],
    queryFn: async ({ signal }) => {
      const range = span ?? { fromMs: 0, toMs: 1 };
      const answer = await fetchProcessesOver({ host, ...range, by, group, limit: RANGE_LIMIT }, signal);
      return { answer, group };
    },
    enabled: span !== null,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    gcTime: 120_000,
  });
  const liveAnswer = useMemo(() => (liveRows ? ofLive(liveRows) : null), [liveRows]);
  const shown = useMemo<Shown | null>(() => {
    if (isRange) return over.data ? { kind: 'over', ...over.data } : null;
    const answer = liveAnswer ?? at.data;
    return answer ? { kind: 'at', answer } : null;
  }, [isRange, over.data, at.data, liveAnswer]);
  const query = isRange ? over : at;
  const waiting = query.isPlaceholderData || query.isPending || (!isRange && atMs !== wantedMs);
  return {
    shown,
    loading: liveAnswer === null && waiting && !query.error,
    error: liveAnswer === null ? query.error : null,
    retry: () => void query.refetch(),
  };
}

function ofLive(live: LiveSnapshot): ProcessesAt | null {
  if (!live.processes) return null;
  return { timeMs: live.latest.timeMs, processes: live.processes, other: live.other, totals: live.latest };
}

/** `value`, at once when it has been still and otherwise as soon as `ms` have passed since the last change. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  const changedAt = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, changedAt.current + ms - performance.now());
    const timer = setTimeout(() => {
      changedAt.current = performance.now();
      setSettled(value);
    }, wait);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
