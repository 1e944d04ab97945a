/** Alerts and events that are about one process. */
import type { Alert } from '../../api/alerts';
import type { HostEvent } from '../../api/events';
import type { ProcessKey } from '../../api/processes';

/** An event is told of by the second, and its process may have started within it. */
const ABOUT_MS = 1500;

/** The newest first. */
export function alertsOf(alerts: readonly Alert[], { pid, startMs }: ProcessKey): Alert[] {
  const named = alerts.filter(({ process }) => process?.pid === pid && process.startMs === startMs);
  return named.sort((left, right) => (right.firedMs ?? right.sinceMs) - (left.firedMs ?? left.sinceMs));
}

/**
 * The newest first. Events know the process id only, and that is used again: before it started and after it ended (`endMs`)
 * they are about another one.
 */
export function eventsOf(
  events: readonly HostEvent[],
  { pid, startMs }: ProcessKey,
  endMs: number | null,
): HostEvent[] {
  return events
    .filter((one) => one.pid === pid && one.atMs >= startMs - ABOUT_MS)
    .filter(({ atMs }) => endMs === null || atMs <= endMs + ABOUT_MS)
    .sort((left, right) => right.atMs - left.atMs);
}
