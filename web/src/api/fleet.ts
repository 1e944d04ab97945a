import type { Span } from '../lib/range';
import type { Reading } from './hosts';
import { type Process, type WireProcess, readProcess } from './processes';

import { request } from './client';
import { parseTime, writeTime } from './wire';

/** One reading of all hosts over time. */
export interface FleetSeries {
  /** Start of each bucket. */
  readonly timeMs: readonly number[];
  readonly bucketMs: number;
  readonly hosts: readonly HostValues[];
  /** How many there are; the server leaves out those beyond its limit. */
  readonly hostsTotal: number;
}

export interface HostValues {
  readonly host: string;
  readonly hostId: string;
  readonly values: readonly Reading[];
}

export interface FleetSeriesQuery extends Span {
  readonly column: string;
  readonly points: number;
  /** Ids of some hosts; absent: all. */
  readonly hosts?: readonly string[];
}

/** The server answers for no more hosts that are named. */
export const MOST_NAMED = 200;

interface WireFleetSeries {
  readonly time: readonly string[];
  readonly bucket_ms: number;
  readonly hosts: readonly {
    readonly host: string;
    readonly host_id: string;
    readonly values: readonly Reading[];
  }[];
  readonly hosts_total: number;
}

export async function fetchFleetSeries(query: FleetSeriesQuery, signal?: AbortSignal): Promise<FleetSeries> {
  const wire = await request<WireFleetSeries>('fleet/series', {
    query: {
      column: query.column,
      from: writeTime(query.fromMs),
      to: writeTime(query.toMs),
      points: query.points,
      hosts: query.hosts?.join(','),
    },
    ...(signal ? { signal } : {}),
  });
  return {
    timeMs: wire.time.map((time) => parseTime(time) ?? 0),
    bucketMs: wire.bucket_ms,
    hosts: wire.hosts.map(({ host, host_id, values }) => ({ host, hostId: host_id, values })),
    hostsTotal: wire.hosts_total,
  };
}

export interface HostProcess {
  readonly host: string;
  readonly process: Process;
}

/** Processes of one name on all hosts that are connected, now. */
export async function fetchProgram(name: string, signal: AbortSignal): Promise<HostProcess[]> {
  const { processes } = await request<{ processes: (WireProcess & { readonly host: string })[] }>(
    'fleet/processes',
    { query: { name }, signal },
  );
  return processes.map(({ host, ...wire }) => ({ host, process: readProcess(wire) }));
}
