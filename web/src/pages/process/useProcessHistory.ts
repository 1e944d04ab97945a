/** What a process had to do with within a range: connections, its end, alerts and events that named it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { type Alert, alertsKey, fetchAlertsOf } from '../../api/alerts';
import { type HostEvent, MOST_EVENTS_MS, eventsKey, fetchEvents } from '../../api/events';
import {
  type Exit,
  type Exits,
  type ProcessHistory,
  fetchExits,
  fetchProcessHistory,
} from '../../api/processHistory';
import type { ProcessKey } from '../../api/processes';
import type { Span } from '../../lib/range';
import { alertsOf, eventsOf } from './named';

export interface ProcessHistoryQuery {
  readonly host: string;
  readonly process: ProcessKey;
  readonly name: string | null;
  /** What is shown, or selected. */
  readonly span: Span;
  /** The instant that is pinned: connections are of shortly before it. */
  readonly pinMs: number | null;
  readonly following: boolean;
}

/** `undefined` while an answer is on its way, `null` of a range that is too long to be looked through. */
export interface ProcessHistoryFound {
  readonly history: ProcessHistory | undefined | null;
  /** How it ended, where that is known. */
  readonly exit: Exit | null;
  readonly exits: Exits | undefined | null;
  readonly alerts: readonly Alert[] | undefined;
  readonly events: readonly HostEvent[] | undefined | null;
}

/** The range is asked for in whole steps of this, so that following "now" does not ask at every snapshot. */
const STEP_MS = 60_000;
const REFETCH_MS = 15_000;
/** Every row of the host's processes is looked at for those that ended. */
const MOST_ROWS_MS = 7 * 86_400_000;
/** Connections of an instant are those of the minute before it. */
const INSTANT_MS = 60_000;

export function useProcessHistory(query: ProcessHistoryQuery): ProcessHistoryFound {
  const { host, process, name, pinMs, following } = query;
  const fromMs = Math.floor(query.span.fromMs / STEP_MS) * STEP_MS;
  const toMs = Math.ceil(query.span.toMs / STEP_MS) * STEP_MS;
  const span = { fromMs, toMs };
  const options = {
    placeholderData: keepPreviousData,
    staleTime: following ? 5000 : 60_000,
    gcTime: 60_000,
    refetchInterval: following ? REFETCH_MS : (false as const),
  };
  const isShort = toMs - fromMs <= MOST_ROWS_MS;
  const hasEvents = toMs - fromMs <= MOST_EVENTS_MS;
  const at = pinMs === null ? span : { fromMs: pinMs - INSTANT_MS, toMs: pinMs + 1 };
  const history = useQuery({
    ...options,
    queryKey: ['process-history', host, process.pid, process.startMs, at.fromMs, at.toMs],
    queryFn: ({ signal }) => fetchProcessHistory(host, process, at, signal),
    enabled: isShort || pinMs !== null,
  });
  const exits = useQuery({
    ...options,
    queryKey: ['exits', host, name, fromMs, toMs],
    queryFn: ({ signal }) => fetchExits(host, name ?? '', span, signal),
    enabled: isShort && name !== null,
  });
  const alerts = useQuery({
    ...options,
    queryKey: [...alertsKey, host, fromMs, toMs],
    queryFn: ({ signal }) => fetchAlertsOf(host, span, signal),
  });
  const events = useQuery({
    ...options,
    queryKey: eventsKey(host, span),
    queryFn: ({ signal }) => fetchEvents(host, span, signal),
    enabled: hasEvents,
  });
  const own = exits.data?.newest.find(
    ({ key }) => key.pid === process.pid && key.startMs === process.startMs,
  );
  const exit = history.data?.exit ?? own ?? null;
  const endMs = exit?.atMs ?? null;
  return {
    exit,
    history: isShort || pinMs !== null ? history.data : null,
    exits: isShort ? exits.data : null,
    alerts: useMemo(() => alerts.data && alertsOf(alerts.data, process), [alerts.data, process]),
    events: useMemo(() => {
      if (!hasEvents) return null;
      return events.data && eventsOf(events.data, process, endMs);
    }, [hasEvents, events.data, process, endMs]),
  };
}
