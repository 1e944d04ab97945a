/** Rows of the fleet table: hosts and live readings in, filtered and sorted rows out. */
import type { Severity } from '../../api/alerts';
import type { Host, Latest } from '../../api/hosts';
import type { LiveSnapshot } from '../../api/live';
import type { Sort } from '../../state/hostAddress';

import { parseFilter } from '../../lib/filter';
import { compareWords } from '../../lib/words';

type Reading = number | null;

export interface FleetRow {
  readonly host: Host;
  /** What came after the inventory's answer. */
  readonly live: Latest | null;
  readonly latest: Latest | null;
  readonly name: string;
  /** Place among all hosts by name. */
  readonly rank: number;
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
  /** Degrees Celsius of the hottest sensor. */
  readonly temperature: Reading;
  /** Seconds of the last day of which nothing is stored. */
  readonly gap: Reading;
  /** How bad the worst alert is; null where none fires. */
  readonly alert: Reading;
  readonly agent: string | null;
  /** In order, in one text; null where there are none. */
  readonly tags: string | null;
}

/** Rows of hosts about which nothing is new are those of `before`: what shows them need not be drawn again. */
export function buildFleetRows(
  hosts: readonly Host[],
  live: ReadonlyMap<string, LiveSnapshot>,
  before: FleetRows = NO_ROWS,
): FleetRows {
  const ranks = ranksOf(hosts, before);
  const known = before.byId;
  const rows = hosts.map((host, index) => {
    const latest = live.get(host.name)?.latest ?? null;
    const rank = ranks[index] ?? 0;
    const same = known.get(host.id);
    return same?.host === host && same.live === latest && same.rank === rank
      ? same
      : buildRow(host, latest, rank);
  });
  return { rows, ranks, byId: new Map(rows.map((row) => [row.host.id, row])) };
}

/** Builds rows again and again, and remembers those of the last time. */
export function fleetRowsBuilder(): (
  hosts: readonly Host[],
  live: ReadonlyMap<string, LiveSnapshot>,
) => readonly FleetRow[] {
  let before = NO_ROWS;
  return (hosts, live) => {
    before = buildFleetRows(hosts, live, before);
    return before.rows;
  };
}

export interface FleetRows {
  /** In the order of the hosts. */
  readonly rows: readonly FleetRow[];
  readonly ranks: readonly number[];
  readonly byId: ReadonlyMap<string, FleetRow>;
}

const NO_ROWS: FleetRows = { rows: [], ranks: [], byId: new Map() };

/** Comparing words as people do takes long, and names seldom change. */
function ranksOf(hosts: readonly Host[], before: FleetRows): readonly number[] {
  const isSame =
    hosts.length === before.rows.length &&
    hosts.every(({ name }, index) => before.rows[index]?.name === name);
  if (isSame) return before.ranks;
  const order = hosts.map((_, index) => index);
  order.sort((left, right) => compareWords(hosts[left]?.name ?? '', hosts[right]?.name ?? ''));
  const ranks = hosts.map(() => 0);
  order.forEach((index, rank) => {
    ranks[index] = rank;
  });
  return ranks;
}

const SEVERITIES: readonly Severity[] = ['info', 'warning', 'critical'];

/** Those that nobody is told of come after all others. */
function alertRank({ alert }: Host): Reading {
  if (!alert) return null;
  return SEVERITIES.indexOf(alert.severity) - (alert.muted === null ? 0 : SEVERITIES.length);
}

function buildRow(host: Host, live: Latest | null, rank: number): FleetRow {
  const latest = live && live.timeMs >= (host.latest?.timeMs ?? 0) ? live : host.latest;
  // A snapshot that is newer than the inventory's answer proves that the host is up.
  const state = live && live.timeMs > (host.lastSeenMs ?? 0) ? 'up' : host.state;
  return {
    host,
    live,
    latest,
    name: host.name,
    rank,
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
    temperature: latest?.temperature_max_celsius ?? null,
    gap: host.gaps?.missingSeconds ?? null,
    alert: alertRank(host),
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
  'temperature',
  'gap',
  'alert',
];

export function filterFleet(rows: readonly FleetRow[], filter: string): FleetRow[] {
  if (filter.trim() === '') return [...rows];
  const matches = parseFilter(filter, FIELDS);
  return rows.filter(({ name, state, agent, host: { facts, alert }, ...row }) =>
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
      temperature: row.temperature,
      gap: row.gap,
      alert: alert && `${alert.severity} ${alert.rule}`,
    }),
  );
}

/** Hosts that are down or silent come after the others: their readings are old. What is missing of them is not. */
export function sortFleet(rows: readonly FleetRow[], sort: Sort): FleetRow[] {
  const column = sort.column as keyof FleetRow;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((left, right) => {
    const byName = left.rank - right.rank;
    if (column === 'name') return sign * byName;
    return (
      (column !== 'gap' && downLast(left, right)) || compare(left[column], right[column], sign) || byName
    );
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
