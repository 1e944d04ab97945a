import type { Severity } from './alerts';
import { request } from './client';
import { parseTime } from './wire';

/** A label of an alert, and a pattern for its value. */
export interface Matcher {
  readonly label: string;
  readonly pattern: string;
}

/** Where notifications go, what of them, and how that goes. */
export interface Receiver {
  readonly name: string;
  readonly kind: string;
  readonly severity: Severity;
  readonly matchers: readonly Matcher[];
  readonly after_seconds: number;
  /** Times of the week; none: always. */
  readonly during: readonly string[];
  readonly time_zone: string;
  /** Now is one of those times. */
  readonly open: boolean;
  readonly queued: number;
  readonly attempts: number;
  readonly error: string | null;
  readonly waitingSinceMs: number | null;
  readonly nextTryMs: number | null;
  readonly deliveredMs: number | null;
  readonly failedMs: number | null;
}

export interface Receivers {
  readonly receivers: readonly Receiver[];
  /** The server that was asked tells; else another one on the same catalog. */
  readonly tells: boolean;
}

type WireReceiver = Omit<Receiver, `${string}Ms`> &
  Readonly<Record<'waiting_since' | 'next_try' | 'delivered' | 'failed', string | null>>;

export const receiversKey = ['receivers'] as const;

export async function fetchReceivers(signal: AbortSignal): Promise<Receivers> {
  const wire = await request<{ receivers: WireReceiver[]; tells: boolean }>('receivers', { signal });
  return { receivers: wire.receivers.map(readReceiver), tells: wire.tells };
}

function readReceiver({ waiting_since, next_try, delivered, failed, ...rest }: WireReceiver): Receiver {
  return {
    ...rest,
    waitingSinceMs: parseTime(waiting_since),
    nextTryMs: parseTime(next_try),
    deliveredMs: parseTime(delivered),
    failedMs: parseTime(failed),
  };
}

/** Says something through a receiver; why it was not taken, or null. */
export async function testReceiver(name: string): Promise<string | null> {
  const path = `receivers/${encodeURIComponent(name)}/test`;
  return (await request<{ error: string | null }>(path, { method: 'POST' })).error;
}

/** Whether one receiver would be told. */
export interface RouteStep {
  readonly name: string;
  readonly told: boolean;
  readonly after_seconds: number;
  readonly reason: 'severity' | 'matcher' | 'time' | null;
  /** The one that does not match. */
  readonly matcher: Matcher | null;
}

/** What would become of an alert. */
export interface Route {
  readonly about_host: boolean;
  readonly severity: Severity;
  readonly muted: string | null;
  readonly receivers: readonly RouteStep[];
}

export interface RouteQuery {
  readonly rule: string;
  readonly host: string;
}

export const routeKey = (query: RouteQuery): readonly string[] => ['route', query.rule, query.host];

export function fetchRoute({ rule, host }: RouteQuery, signal: AbortSignal): Promise<Route> {
  return request<Route>('routes', { query: { rule, host }, signal });
}
