import type { Span } from '../lib/range';
import type { HostEvent } from './events';

import { request } from './client';
import { parseTime, present, writeTime } from './wire';

/** Something that happened on a host, or at once on several. */
export interface FleetEvent extends HostEvent {
  /** Of several the first. */
  readonly host: string;
  readonly hostId: string;
  readonly hosts: number;
  readonly address: string | null;
}

export interface EventPage {
  /** The newest first. */
  readonly events: readonly FleetEvent[];
  /** Of the whole range by kind; on the first page only. */
  readonly counts: Readonly<Record<string, number>>;
  /** Where the next page begins. */
  readonly next: string | null;
}

export interface EventQuery extends Span {
  readonly host: string | null;
  readonly tag: string | null;
  readonly kind: string | null;
  readonly text: string;
  readonly after: string | null;
  readonly limit: number;
}

interface WireEvent {
  readonly time: string;
  readonly happened: string | null;
  readonly host: string;
  readonly host_id: string;
  readonly hosts: number;
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
  readonly user: string;
  readonly address: string;
  readonly pid: number | null;
}

interface WirePage {
  readonly events: readonly WireEvent[];
  readonly counts: Readonly<Record<string, number>>;
  readonly next: string | null;
}

export async function fetchFleetEvents(query: EventQuery, signal: AbortSignal): Promise<EventPage> {
  const { host, tag, kind, after, limit } = query;
  const wire = await request<WirePage>('events', {
    query: {
      host,
      tag,
      kind,
      after,
      limit,
      text: query.text === '' ? null : query.text,
      from: writeTime(query.fromMs),
      to: writeTime(query.toMs),
    },
    signal,
  });
  return { events: wire.events.map(readEvent), counts: wire.counts, next: wire.next };
}

function readEvent(wire: WireEvent): FleetEvent {
  return {
    kind: wire.kind,
    atMs: parseTime(wire.happened) ?? parseTime(wire.time) ?? 0,
    subject: present(wire.subject),
    text: present(wire.text),
    user: present(wire.user),
    pid: wire.pid,
    host: wire.host,
    hostId: wire.host_id,
    hosts: wire.hosts,
    address: present(wire.address),
  };
}
