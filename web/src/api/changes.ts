import type { Span } from '../lib/range';
import type { HostEvent } from './events';
import type { Group, ProcessKey } from './processes';

import { request } from './client';
import { parseTime, present, writeTime } from './wire';

/** How one number changed. */
export interface Change {
  readonly column: string;
  /** Averages over the range and over the time that it is compared with. */
  readonly value: number;
  readonly before: number;
  /** From 0, no change, to 20. */
  readonly score: number;
}

export interface ChangedProcess {
  /** Null for a group. */
  readonly key: ProcessKey | null;
  readonly name: string | null;
  readonly command: string | null;
  readonly user: string | null;
  readonly unit: string | null;
  readonly container: string | null;
  readonly score: number;
  readonly changes: readonly Change[];
}

export interface ChangedMetric extends Change {
  readonly table: string;
  readonly entity: Readonly<Record<string, string>>;
}

export interface ChangedConnection {
  readonly name: string;
  readonly protocol: string;
  readonly remote_address: string;
  readonly port: number;
  readonly score: number;
  readonly changes: readonly Change[];
}

export interface Changes {
  /** Widened to whole minutes or hours. */
  readonly range: Span;
  readonly against: Span;
  readonly recordedSeconds: number;
  readonly recordedBeforeSeconds: number;
  readonly processes: readonly ChangedProcess[];
  readonly metrics: readonly ChangedMetric[];
  readonly connections: readonly ChangedConnection[];
  /** What happened in the range, the newest of it in order. */
  readonly events: readonly HostEvent[];
}

interface WireChanges {
  readonly from: string;
  readonly to: string;
  readonly against: { readonly from: string; readonly to: string; readonly recorded_seconds: number };
  readonly recorded_seconds: number;
  readonly processes: readonly (Omit<ChangedProcess, 'key'> & {
    readonly pid: number | null;
    readonly start_time: string | null;
  })[];
  readonly metrics: readonly ChangedMetric[];
  readonly connections: readonly ChangedConnection[];
  readonly events?: { readonly newest: readonly WireEvent[] };
}

interface WireEvent {
  readonly time: string;
  readonly happened: string | null;
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
  readonly user: string;
  readonly pid: number | null;
}

export interface ChangesQuery extends Span {
  readonly host: string;
  /** Where the range to compare with starts; right before when null. */
  readonly againstMs: number | null;
  readonly group: Group;
  readonly limit: number;
}

const span = (wire: { readonly from: string; readonly to: string }): Span => ({
  fromMs: parseTime(wire.from) ?? 0,
  toMs: parseTime(wire.to) ?? 0,
});

export async function fetchChanges(query: ChangesQuery, signal: AbortSignal): Promise<Changes> {
  const wire = await request<WireChanges>(`hosts/${encodeURIComponent(query.host)}/whatchanged`, {
    query: {
      from: writeTime(query.fromMs),
      to: writeTime(query.toMs),
      against: query.againstMs === null ? null : writeTime(query.againstMs),
      group: query.group,
      limit: query.limit,
    },
    signal,
  });
  return {
    range: span(wire),
    against: span(wire.against),
    recordedSeconds: wire.recorded_seconds,
    recordedBeforeSeconds: wire.against.recorded_seconds,
    processes: wire.processes.map(({ pid, start_time, ...rest }) => {
      const startMs = parseTime(start_time);
      return {
        ...rest,
        key: pid === null || startMs === null ? null : { pid, startMs },
        name: present(rest.name),
        command: present(rest.command),
        user: present(rest.user),
        unit: present(rest.unit),
        container: present(rest.container),
      };
    }),
    metrics: wire.metrics,
    connections: wire.connections,
    events: (wire.events?.newest ?? []).map((one) => ({
      kind: one.kind,
      atMs: parseTime(one.happened) ?? parseTime(one.time) ?? 0,
      subject: present(one.subject),
      text: present(one.text),
      user: present(one.user),
      pid: one.pid,
    })),
  };
}
