import { describe, expect, it } from 'vitest';

import type { Process } from '../../api/processes';

import { buildRelatives } from './relatives';

const process = (pid: number, startMs: number, parent: number, name: string, cpu = 0): Process => ({
  key: { pid, startMs },
  parent_pid: parent,
  name,
  command: null,
  user: null,
  unit: null,
  container: null,
  state: 'S',
  threads: 1,
  cpu_ratio: cpu,
  rss_bytes: 1,
  swap_bytes: null,
  disk_read_bytes_per_second: null,
  disk_write_bytes_per_second: null,
  net_rx_bytes_per_second: null,
  net_tx_bytes_per_second: null,
  open_files: null,
});

const all = [
  process(1, 0, 0, 'init'),
  process(10, 5, 1, 'postgres'),
  process(11, 6, 10, 'postgres', 0.1),
  process(12, 7, 10, 'postgres', 0.9),
  process(13, 2, 10, 'stray'),
  process(20, 9, 1, 'sshd'),
];

describe('relatives of a process', () => {
  it('are its parent, its children and those of its name, the busiest first', () => {
    const { self, parent, children, alike } = buildRelatives(all, { pid: 10, startMs: 5 }, null);
    expect(self?.name).toBe('postgres');
    expect(parent?.name).toBe('init');
    expect(children.map(({ key }) => key.pid)).toEqual([12, 11]);
    expect(alike.map(({ key }) => key.pid)).toEqual([12, 11]);
  });
  it('a pid that is in use again is no relative', () => {
    expect(buildRelatives(all, { pid: 20, startMs: 8 }, 'sshd').self).toBeNull();
    const young = [process(10, 50, 1, 'new'), process(30, 20, 10, 'old')];
    expect(buildRelatives(young, { pid: 30, startMs: 20 }, null).parent).toBeNull();
  });
  it('one that has ended still has its like', () => {
    const { self, alike } = buildRelatives(all, { pid: 99, startMs: 1 }, 'postgres');
    expect(self).toBeNull();
    expect(alike).toHaveLength(3);
  });
});
