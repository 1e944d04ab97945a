import type { Span } from '../lib/range';

import { request } from './client';
import { parseTime, present, writeTime } from './wire';

/** Something that happened on a host: a boot, a login, a process that the kernel killed. */
export interface HostEvent {
  readonly kind: string;
  readonly atMs: number;
  readonly subject: string | null;
  readonly text: string | null;
  readonly user: string | null;
  readonly pid: number | null;
}

interface WireEvent {
  readonly time: string;
  readonly happened?: string | null;
  readonly kind: string;
  readonly subject?: string | null;
  readonly text?: string | null;
  readonly user?: string | null;
  readonly pid?: number | null;
}

export const eventsKey = (host: string, span: Span): readonly [string, string, number, number] => [
  'events',
  host,
  span.fromMs,
  span.toMs,
];

/** Longer ranges have too many of them to look at. */
export const MOST_EVENTS_MS = 35 * 86_400_000;

const COLUMNS = 'time,happened,kind,subject,text,user,pid';

export async function fetchEvents(host: string, span: Span, signal: AbortSignal): Promise<HostEvent[]> {
  const { rows } = await request<{ rows: readonly WireEvent[] }>(`hosts/${encodeURIComponent(host)}/rows`, {
    query: { table: 'event', columns: COLUMNS, from: writeTime(span.fromMs), to: writeTime(span.toMs) },
    signal,
  });
  return rows.map((one) => ({
    kind: one.kind,
    atMs: parseTime(one.happened) ?? parseTime(one.time) ?? 0,
    subject: present(one.subject),
    text: present(one.text),
    user: present(one.user),
    pid: one.pid ?? null,
  }));
}
