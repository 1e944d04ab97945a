/** Rows of the fleet table: hosts and live readings in, filtered and sorted rows out. */
import type { Host, Latest } from '../../api/hosts';
import type { LiveSnapshot } from '../../api/live';
import type { Sort } from '../../state/hostAddress';

import { parseFilter } from '../../lib/filter';
import { compareWords } from '../../lib/words';

type Reading = number | null;

export interface FleetRow {
  readonly host: Host;
  readonly latest: Latest | null;
  readonly name: string;
  readonly state: Host['state'];
  readonly cpu: Reading;
  readonly memory: Reading;
  readonly filesystem: Reading;
  /** Bytes per second, both ways. */
  readonly disk: Reading;
  readonly network: Reading;
  /** Load of a minute per core. */
  readonly load: Reading;
  /** The worst of CPU, memory and disk. */
  readonly pressure: Reading;
  readonly processes: Reading;
  readonly uptime: Reading;
  readonly agent: string | null;
  /** In order, in one text; null where there are none. */
  readonly tags: string | null;
}

export function buildFleetRows(hosts: readonly Host[], live: ReadonlyMap<string, LiveSnapshot>): FleetRow[] {
  return hosts.map((host) => buildRow(host, live.get(host.name)?.latest ?? null));
}

function buildRow(host: Host, live: Latest | null): FleetRow {
  const latest = live && live.timeMs >= (host.latest?.timeMs ?? 0) ? live : host.latest;
  // A snapshot that is newer than the inventory's answer proves that the host is up.
  const state = live && live.timeMs > (host.lastSeenMs ?? 0) ? 'up' : host.state;
  return {
    host,
    latest,
    name: host.name,
    state,
    cpu: latest?.cpu_used_ratio ?? null,
    memory: latest?.memory_used_ratio ?? null,
    filesystem: latest?.filesystem_used_ratio_max ?? null,
    disk: both(latest?.disk_read_bytes_per_second, latest?.disk_write_bytes_per_second),
    network: both(latest?.net_rx_bytes_per_second, latest?.net_tx_bytes_per_second),
    load: loadPerCore(latest),
    pressure: worstPressure(latest),
    processes: latest?.processes ?? null,
    uptime: latest?.uptime_seconds ?? null,
    agent: host.agentVersion,
    tags: host.tags.length === 0 ? null : host.tags.join(' '),
  };
}

function both(left: Reading | undefined, right: Reading | undefined): Reading {
  return left == null && right == null ? null : (left ?? 0) + (right ?? 0);
}

export function loadPerCore(latest: Latest | null): Reading {
  const cores = latest?.cpu_cores;
  return latest?.load1 == null || cores == null || cores === 0 ? null : latest.load1 / cores;
}

export function worstPressure(latest: Latest | null): Reading {
  const kinds = [
    latest?.cpu_pressure_some_ratio,
    latest?.memory_pressure_some_ratio,
    latest?.io_pressure_some_ratio,
  ];
  const present = kinds.filter((kind) => kind != null);
  return present.length === 0 ? null : Math.max(...present);
}

const FIELDS: readonly string[] = [
  'name',
  'state',
  'os',
  'kernel',
  'agent',
  'arch',
  'address',
  'tag',
  'cpu',
  'memory',
  'filesystem',
  'disk',
  'network',
  'load',
  'pressure',
  'processes',
];

export function filterFleet(rows: readonly FleetRow[], filter: string): FleetRow[] {
  if (filter.trim() === '') return [...rows];
  const matches = parseFilter(filter, FIELDS);
  return rows.filter(({ name, state, agent, host: { facts }, ...row }) =>
    matches({
      name,
      state,
      agent,
      os: facts?.os,
      kernel: facts?.kernel,
      arch: facts?.architecture,
      address: facts?.addresses.join(' '),
      tag: row.tags,
      cpu: row.cpu,
      memory: row.memory,
      filesystem: row.filesystem,
      disk: row.disk,
      network: row.network,
      load: row.load,
      pressure: row.pressure,
      processes: row.processes,
    }),
  );
}

/** Hosts that are down or silent come after the others, whatever the order: their readings are old. */
export function sortFleet(rows: readonly FleetRow[], sort: Sort): FleetRow[] {
  const column = sort.column as keyof FleetRow;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((left, right) => {
    const byName = compareWords(left.name, right.name);
    if (column === 'name') return sign * byName;
    return downLast(left, right) || compare(left[column], right[column], sign) || byName;
  });
}

const downLast = (left: FleetRow, right: FleetRow): number =>
  Number(left.state !== 'up') - Number(right.state !== 'up');

function compare(left: unknown, right: unknown, sign: number): number {
  if (left == null || right == null) return Number(left == null) - Number(right == null);
  if (typeof left === 'number' && typeof right === 'number') return sign * (left - right);
  if (typeof left === 'string' && typeof right === 'string') return sign * compareWords(left, right);
  return 0;
}
