import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { alertsKey, fetchAlertsOf } from '../../api/alerts';
import { MOST_EVENTS_MS, eventsKey, fetchEvents } from '../../api/events';
import type { Span } from '../../lib/range';
import { type Mark, buildMarks } from './marks';

const REFETCH_MS = 15_000;
/** The range is asked for in whole steps of this, so that following "now" does not ask at every snapshot. */
const STEP_MS = 60_000;

/** What happened on a host within a range: events, alerts, boots. Marks are extra: without them the charts stay. */
export function useMarks(
  host: string,
  span: Span,
  following: boolean,
  isKnown: boolean,
  boots: readonly number[],
): readonly Mark[] {
  const fromMs = Math.floor(span.fromMs / STEP_MS) * STEP_MS;
  const toMs = Math.ceil(span.toMs / STEP_MS) * STEP_MS;
  const options = {
    placeholderData: keepPreviousData,
    staleTime: following ? 5000 : 60_000,
    refetchInterval: following ? REFETCH_MS : (false as const),
  };
  const events = useQuery({
    ...options,
    queryKey: eventsKey(host, { fromMs, toMs }),
    queryFn: ({ signal }) => fetchEvents(host, { fromMs, toMs }, signal),
    enabled: isKnown && toMs - fromMs <= MOST_EVENTS_MS,
  });
  const alerts = useQuery({
    ...options,
    // Below the list's key: what the server tells of alerts asks for these again, too.
    queryKey: [...alertsKey, host, fromMs, toMs],
    queryFn: ({ signal }) => fetchAlertsOf(host, { fromMs, toMs }, signal),
    enabled: isKnown,
  });
  return useMemo(
    () => buildMarks(events.data ?? [], alerts.data ?? [], boots),
    [events.data, alerts.data, boots],
  );
}
