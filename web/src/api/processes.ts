import type { Span } from '../lib/range';
import type { Latest, Reading, WireLatest } from './hosts';

import { request } from './client';
import { readLatest } from './hosts';
import { parseTime, present, writeTime } from './wire';

/** A process is its pid and start time on its host, never the pid alone. */
export interface ProcessKey {
  readonly pid: number;
  readonly startMs: number;
}

interface Usage {
  readonly threads: Reading;
  /** In cores: 1 is one core kept busy. */
  readonly cpu_ratio: Reading;
  readonly rss_bytes: Reading;
  readonly swap_bytes: Reading;
  readonly disk_read_bytes_per_second: Reading;
  readonly disk_write_bytes_per_second: Reading;
  readonly net_rx_bytes_per_second: Reading;
  readonly net_tx_bytes_per_second: Reading;
  readonly open_files: Reading;
}

/** A process at one instant. */
export interface Process extends Usage {
  readonly key: ProcessKey;
  readonly parent_pid: number | null;
  readonly name: string | null;
  readonly command: string | null;
  readonly user: string | null;
  readonly unit: string | null;
  readonly container: string | null;
  readonly state: string | null;
}

/** All processes without a row of their own, so that sums are exact. */
export interface OtherProcesses extends Usage {
  readonly processes: number | null;
}

export interface ProcessesAt {
  /** When the snapshot was taken; null when there is none near the instant. */
  readonly timeMs: number | null;
  readonly processes: readonly Process[];
  readonly other: OtherProcesses | null;
  readonly totals: Latest | null;
}

interface Totals {
  readonly cpu_seconds: Reading;
  readonly cpu_ratio_max: Reading;
  readonly rss_bytes_max: Reading;
  readonly disk_read_bytes: Reading;
  readonly disk_write_bytes: Reading;
  readonly net_rx_bytes: Reading;
  readonly net_tx_bytes: Reading;
}

/** What one process, or one group of them, did over a range. */
export interface ProcessTotals extends Totals {
  /** Null for a group. */
  readonly key: ProcessKey | null;
  readonly name: string | null;
  readonly command: string | null;
  readonly user: string | null;
  readonly unit: string | null;
  readonly container: string | null;
  readonly firstSeenMs: number | null;
  readonly lastSeenMs: number | null;
  readonly processes: number | null;
}

export interface ProcessesOver extends Span {
  readonly processes: readonly ProcessTotals[];
  readonly other: (Totals & { readonly processes: number | null }) | null;
  readonly totals: Totals | null;
  /** False when there were more than the server ranks: the least are in `other`, and some of the lines may tell too little. */
  readonly complete: boolean;
}

interface WireIdentity {
  readonly pid: number | null;
  readonly start_time: string | null;
}

export type WireProcess = Omit<Process, 'key'> & WireIdentity;

type WireTotals = Omit<ProcessTotals, 'key' | 'firstSeenMs' | 'lastSeenMs'> &
  WireIdentity & { readonly first_seen: string | null; readonly last_seen: string | null };

type Texts = Pick<Process, 'name' | 'command' | 'user' | 'unit' | 'container'>;

function readTexts(wire: Texts): Texts {
  return {
    name: present(wire.name),
    command: present(wire.command),
    user: present(wire.user),
    unit: present(wire.unit),
    container: present(wire.container),
  };
}

export function readProcess(wire: WireProcess): Process {
  const { pid, start_time, ...rest } = wire;
  return { ...rest, ...readTexts(wire), key: { pid: pid ?? 0, startMs: parseTime(start_time) ?? 0 } };
}

function readTotals(wire: WireTotals): ProcessTotals {
  const { pid, start_time, first_seen, last_seen, ...rest } = wire;
  const startMs = parseTime(start_time);
  return {
    ...rest,
    ...readTexts(wire),
    key: pid === null || startMs === null ? null : { pid, startMs },
    firstSeenMs: parseTime(first_seen),
    lastSeenMs: parseTime(last_seen),
  };
}

const path = (host: string): string => `hosts/${encodeURIComponent(host)}/processes`;

export const processesAtKey = (host: string, atMs: number): readonly [string, string, number] => [
  'processes-at',
  host,
  atMs,
];

export async function fetchProcessesAt(
  host: string,
  atMs: number,
  signal: AbortSignal,
): Promise<ProcessesAt> {
  const wire = await request<{
    time: string | null;
    processes: WireProcess[];
    other: OtherProcesses | null;
    totals: WireLatest | null;
  }>(path(host), { query: { at: writeTime(atMs) }, signal });
  return {
    timeMs: parseTime(wire.time),
    processes: wire.processes.map(readProcess),
    other: wire.other,
    totals: readLatest(wire.totals),
  };
}

export type Resource = 'cpu' | 'memory' | 'disk' | 'network';
export type Group = 'process' | 'name' | 'user' | 'unit' | 'container' | 'command';

export interface ProcessesQuery extends Span {
  readonly host: string;
  readonly by: Resource;
  readonly group: Group;
  readonly limit: number;
}

export async function fetchProcessesOver(query: ProcessesQuery, signal: AbortSignal): Promise<ProcessesOver> {
  const wire = await request<{
    processes: WireTotals[];
    other: ProcessesOver['other'];
    totals: Totals | null;
    complete: boolean;
  }>(path(query.host), {
    query: {
      from: writeTime(query.fromMs),
      to: writeTime(query.toMs),
      by: query.by,
      group: query.group,
      limit: query.limit,
    },
    signal,
  });
  return {
    fromMs: query.fromMs,
    toMs: query.toMs,
    processes: wire.processes.map(readTotals),
    other: wire.other,
    totals: wire.totals,
    complete: wire.complete,
  };
}
