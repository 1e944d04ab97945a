import type { Severity } from './alerts';
import type { ProcessKey } from './processes';

import { request } from './client';
import { parseTime } from './wire';

export type Reading = number | null;

/** The newest readings of a host; `null` is absent, never zero. */
export interface Latest {
  readonly timeMs: number;
  readonly cpu_used_ratio: Reading;
  readonly memory_used_ratio: Reading;
  readonly memory_used_bytes: Reading;
  readonly memory_total_bytes: Reading;
  readonly swap_used_ratio: Reading;
  readonly load1: Reading;
  readonly load5: Reading;
  readonly load15: Reading;
  readonly cpu_cores: Reading;
  readonly disk_read_bytes_per_second: Reading;
  readonly disk_write_bytes_per_second: Reading;
  readonly disk_busy_ratio_max: Reading;
  readonly net_rx_bytes_per_second: Reading;
  readonly net_tx_bytes_per_second: Reading;
  readonly cpu_pressure_some_ratio: Reading;
  readonly memory_pressure_some_ratio: Reading;
  readonly io_pressure_some_ratio: Reading;
  readonly processes: Reading;
  readonly uptime_seconds: Reading;
  readonly filesystem_used_ratio_max: Reading;
  /** Of the hottest sensor. */
  readonly temperature_max_celsius: Reading;
  /** The worst of its sensors, by the settings of its agent. */
  readonly temperature_level: 'normal' | 'note' | 'warning' | null;
}

export interface Collector {
  readonly name: string;
  readonly absent: readonly string[];
  readonly error: string;
}

export interface Facts {
  readonly host_name: string;
  readonly os: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly cpu_model: string;
  readonly cpu_cores: number | null;
  readonly memory_bytes: number | null;
  readonly boot_time: string | null;
  readonly virtualization: string;
  readonly addresses: readonly string[];
  readonly sampler: string;
  readonly network: string;
  readonly exits: string;
  readonly agent_user: string;
  readonly collectors: readonly Collector[];
}

/** Silent: an agent is connected and sends nothing. */
export type Presence = 'up' | 'silent' | 'down';

/** Two machines share the host's identity. */
export interface HostConflict {
  readonly address: string;
  readonly host_name: string;
  readonly connected_address: string | null;
  readonly connected_host_name: string | null;
  readonly since: string;
}

/** The worst alert that fires on a host. */
export interface WorstAlert {
  readonly id: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly text: string;
  readonly firedMs: number;
  readonly muted: string | null;
  readonly acknowledged: boolean;
  readonly process: ProcessKey | null;
  /** How many fire on it, this one included. */
  readonly firing: number;
}

/** Stretches of time of which no snapshot is stored. */
export interface Gaps {
  readonly count: number;
  readonly missingSeconds: number;
}

export interface Host {
  readonly id: string;
  readonly name: string;
  /** All of them: those that were set on the server, and those of the agent's settings. */
  readonly tags: readonly string[];
  /** Those that were set on the server. */
  readonly ownTags: readonly string[];
  readonly state: Presence;
  readonly lastSeenMs: number | null;
  /** When it joined. */
  readonly createdMs: number | null;
  /** How far its clock is ahead of the server's. */
  readonly clockOffsetMs: Reading;
  /** Snapshots that its agent keeps until it can deliver them. */
  readonly bufferedFrames: number;
  /** Of the last day; null until it is known. */
  readonly gaps: Gaps | null;
  readonly agentVersion: string | null;
  readonly conflict: HostConflict | null;
  readonly alert: WorstAlert | null;
  readonly facts: Facts | null;
  readonly latest: Latest | null;
}

export type WireLatest = Omit<Latest, 'timeMs'> & { readonly time: string };

interface WireAlert extends Omit<WorstAlert, 'firedMs' | 'process'> {
  readonly fired: string;
  readonly process: { readonly pid: number; readonly start_time: string } | null;
}

interface WireHost {
  readonly id: string;
  readonly name: string;
  readonly tags?: readonly string[];
  readonly own_tags?: readonly string[];
  readonly state: Presence;
  readonly last_seen: string | null;
  readonly created?: string;
  readonly clock_offset_ms?: Reading;
  readonly buffered_frames?: number;
  readonly gaps?: { readonly count: number; readonly missing_seconds: number } | null;
  readonly agent_version: string | null;
  readonly conflict?: HostConflict | null;
  readonly alert?: WireAlert | null;
  readonly facts?: Facts | null;
  readonly latest?: WireLatest | null;
}

export function readLatest(wire: WireLatest | null | undefined): Latest | null {
  if (!wire) return null;
  const { time, ...readings } = wire;
  return { ...readings, timeMs: parseTime(time) ?? 0 };
}

function readAlert({
  id,
  rule,
  severity,
  text,
  muted,
  acknowledged,
  firing,
  ...wire
}: WireAlert): WorstAlert {
  const startMs = parseTime(wire.process?.start_time);
  return {
    id,
    rule,
    severity,
    text,
    muted,
    acknowledged,
    firing,
    firedMs: parseTime(wire.fired) ?? 0,
    process: wire.process && startMs !== null ? { pid: wire.process.pid, startMs } : null,
  };
}

function readHost(wire: WireHost): Host {
  return {
    id: wire.id,
    name: wire.name,
    tags: wire.tags ?? [],
    ownTags: wire.own_tags ?? [],
    state: wire.state,
    lastSeenMs: parseTime(wire.last_seen),
    createdMs: parseTime(wire.created),
    clockOffsetMs: wire.clock_offset_ms ?? null,
    bufferedFrames: wire.buffered_frames ?? 0,
    gaps: wire.gaps ? { count: wire.gaps.count, missingSeconds: wire.gaps.missing_seconds } : null,
    agentVersion: wire.agent_version,
    conflict: wire.conflict ?? null,
    alert: wire.alert ? readAlert(wire.alert) : null,
    facts: wire.facts ?? null,
    latest: readLatest(wire.latest),
  };
}

export const hostsKey = ['hosts'] as const;

export async function fetchHosts(signal: AbortSignal): Promise<Host[]> {
  const { hosts } = await request<{ hosts: WireHost[] }>('hosts', { signal });
  return hosts.map(readHost);
}

/** So many hosts are asked for one by one rather than all. */
const FEW_HOSTS = 20;

/**
 * All hosts, with the readings that were known: for who follows the newest ones. What a host is does not change but when its
 * agent comes back, so that only then it is asked for.
 */
export async function refreshHosts(before: readonly Host[], signal: AbortSignal): Promise<Host[]> {
  const query = { detail: 'state' };
  const { hosts } = await request<{ hosts: WireHost[] }>('hosts', { query, signal });
  const known = new Map(before.map((host) => [host.id, host]));
  const isNews = ({ id, state, agent_version }: WireHost): boolean => {
    const host = known.get(id);
    return host?.agentVersion !== agent_version || (host.state === 'down' && state !== 'down');
  };
  const news = hosts.filter(isNews);
  if (news.length > FEW_HOSTS) return fetchHosts(signal);
  const asked = await Promise.all(news.map(({ id }) => fetchHost(id, signal)));
  asked.forEach((host) => known.set(host.id, host));
  return hosts.map((wire) => {
    const { facts = null, latest = null } = known.get(wire.id) ?? {};
    return { ...readHost(wire), facts, latest };
  });
}

export const hostKey = (name: string): readonly [string, string] => ['host', name];

export async function fetchHost(name: string, signal: AbortSignal): Promise<Host> {
  return readHost(await request<WireHost>(`hosts/${encodeURIComponent(name)}`, { signal }));
}

/** Sets the tags of a host in place of those that were set before. */
export async function setHostTags(name: string, tags: readonly string[]): Promise<void> {
  await request<unknown>(`hosts/${encodeURIComponent(name)}/tags`, { method: 'PUT', body: { tags } });
}

/** Its history stays with it, and it is still found by the old name. */
export async function renameHost(id: string, name: string): Promise<void> {
  await request<unknown>(`hosts/${encodeURIComponent(id)}`, { method: 'PATCH', body: { name } });
}

/** Takes it out of the inventory and refuses its agent. */
export async function removeHost(id: string): Promise<void> {
  await request<undefined>(`hosts/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
