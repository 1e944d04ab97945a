/** Which files a process holds open, asked of its host now. */
import type { Reading } from './hosts';
import type { ProcessKey } from './processes';

import { request } from './client';
import { endpoint } from './processHistory';
import { parseTime, writeTime } from './wire';

export interface OpenFile {
  readonly fd: number;
  readonly kind: string;
  /** A path, both ends of a socket, or what the kernel calls it. */
  readonly name: string;
  readonly deleted: boolean;
  readonly access: string | null;
  readonly position: Reading;
  readonly sizeBytes: Reading;
}

export interface OpenFiles {
  readonly atMs: number;
  readonly files: readonly OpenFile[];
  readonly total: number | null;
  readonly more: boolean;
}

interface WireSocket {
  readonly protocol: string;
  readonly local_address: string;
  readonly local_port: number;
  readonly remote_address: string;
  readonly remote_port: number;
  readonly state: string;
}

export interface WireOpenFile {
  readonly fd: number;
  readonly kind: string;
  readonly name: string;
  readonly deleted: boolean;
  readonly access: string | null;
  readonly position: Reading;
  readonly size_bytes: Reading;
  readonly inode: number | null;
  readonly socket: WireSocket | null;
}

/** `tcp 10.0.0.2:22 → 10.0.0.9:51234 established`, `unix /run/x.sock`. */
function socketName(socket: WireSocket): string {
  const { protocol, local_address, local_port, remote_address, remote_port, state } = socket;
  if (protocol === 'unix') return `unix ${local_address}`.trim();
  const remote = remote_address === '' ? '' : ` → ${endpoint(remote_address, remote_port)}`;
  return `${protocol} ${endpoint(local_address, local_port)}${remote} ${state}`.trim();
}

export function readOpenFile(wire: WireOpenFile): OpenFile {
  const { fd, kind, deleted, access, position, size_bytes, inode, socket } = wire;
  const unnamed = inode === null ? '' : `[${String(inode)}]`;
  const name = socket ? socketName(socket) : wire.name === '' ? unnamed : wire.name;
  return { fd, kind, name, deleted, access, position, sizeBytes: size_bytes };
}

export async function askOpenFiles(host: string, { pid, startMs }: ProcessKey): Promise<OpenFiles> {
  const start = encodeURIComponent(writeTime(startMs));
  const wire = await request<{
    time: string;
    files: readonly WireOpenFile[];
    total: number | null;
    more: boolean;
  }>(`hosts/${encodeURIComponent(host)}/processes/${String(pid)}/${start}/open-files`, { method: 'POST' });
  const { time, files, total, more } = wire;
  return { atMs: parseTime(time) ?? 0, files: files.map(readOpenFile), total, more };
}
