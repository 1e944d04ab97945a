/** What is known of one process beside its readings. */
import type { Span } from '../lib/range';
import type { Reading } from './hosts';
import type { ProcessKey } from './processes';

import { request } from './client';
import { parseTime, present, writeTime } from './wire';

export interface Exit {
  readonly atMs: number;
  readonly key: ProcessKey;
  readonly name: string | null;
  readonly command: string | null;
  readonly code: number | null;
  readonly signal: number | null;
  readonly lifetimeSeconds: number | null;
}

export interface Exits {
  readonly newest: readonly Exit[];
  readonly total: number;
}

/** What a connection carried while it was among those of its host that carry most. */
export interface Connection {
  readonly protocol: string;
  readonly local: string;
  readonly remote: string;
  readonly state: string | null;
  readonly rxBytes: Reading;
  readonly txBytes: Reading;
  readonly retransmits: Reading;
  readonly rttSeconds: Reading;
  readonly lastSeenMs: number;
}

export interface ProcessHistory {
  readonly exit: Exit | null;
  readonly connections: readonly Connection[];
  readonly leftOut: number;
}

interface WireExit {
  readonly time: string;
  readonly pid: number;
  readonly start_time: string;
  readonly name: string;
  readonly command: string;
  readonly exit_code: number | null;
  readonly exit_signal: number | null;
  readonly lifetime_us: number | null;
}

interface WireConnection {
  readonly protocol: string;
  readonly local_address: string;
  readonly local_port: number;
  readonly remote_address: string;
  readonly remote_port: number;
  readonly state: string;
  readonly rx_bytes: Reading;
  readonly tx_bytes: Reading;
  readonly retransmits: Reading;
  readonly rtt_us: Reading;
  readonly last_seen: string;
}

const seconds = (us: number | null): number | null => (us === null ? null : us / 1e6);

const readExit = (wire: WireExit): Exit => ({
  atMs: parseTime(wire.time) ?? 0,
  key: { pid: wire.pid, startMs: parseTime(wire.start_time) ?? 0 },
  name: present(wire.name),
  command: present(wire.command),
  code: wire.exit_code,
  signal: wire.exit_signal,
  lifetimeSeconds: seconds(wire.lifetime_us),
});

/** `10.0.0.2:5432`, `[2001:db8::1]:443`. */
export const endpoint = (address: string, port: number): string =>
  `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;

const readConnection = (wire: WireConnection): Connection => ({
  protocol: wire.protocol,
  local: endpoint(wire.local_address, wire.local_port),
  remote: endpoint(wire.remote_address, wire.remote_port),
  state: present(wire.state),
  rxBytes: wire.rx_bytes,
  txBytes: wire.tx_bytes,
  retransmits: wire.retransmits,
  rttSeconds: seconds(wire.rtt_us),
  lastSeenMs: parseTime(wire.last_seen) ?? 0,
});

export async function fetchProcessHistory(
  host: string,
  { pid, startMs }: ProcessKey,
  { fromMs, toMs }: Span,
  signal: AbortSignal,
): Promise<ProcessHistory> {
  const start = encodeURIComponent(writeTime(startMs));
  const wire = await request<{
    exit: WireExit | null;
    connections: readonly WireConnection[];
    connections_left_out: number;
  }>(`hosts/${encodeURIComponent(host)}/processes/${String(pid)}/${start}`, {
    query: { from: writeTime(fromMs), to: writeTime(toMs), limit: 50 },
    signal,
  });
  return {
    exit: wire.exit && readExit(wire.exit),
    connections: wire.connections.map(readConnection),
    leftOut: wire.connections_left_out,
  };
}

/** The newest ends of processes of a name. */
export async function fetchExits(
  host: string,
  name: string,
  { fromMs, toMs }: Span,
  signal: AbortSignal,
): Promise<Exits> {
  const wire = await request<{ exits: readonly WireExit[]; total: number }>(
    `hosts/${encodeURIComponent(host)}/exits`,
    { query: { name, from: writeTime(fromMs), to: writeTime(toMs), limit: 50 }, signal },
  );
  return { newest: wire.exits.map(readExit), total: wire.total };
}
