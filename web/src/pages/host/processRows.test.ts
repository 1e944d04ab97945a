import { describe, expect, it } from 'vitest';

import type { Process, ProcessesOver } from '../../api/processes';

import {
  filterRows,
  groupFilter,
  groupRows,
  hostAt,
  otherAt,
  rowsAt,
  rowsOver,
  sortRows,
  totalOver,
} from './processRows';

const base: Process = {
  key: { pid: 1, startMs: 1000 },
  parent_pid: 0,
  name: 'init',
  command: '/sbin/init',
  user: 'root',
  unit: null,
  container: null,
  state: 'S',
  threads: 1,
  cpu_ratio: 0,
  rss_bytes: 100,
  swap_bytes: 0,
  disk_read_bytes_per_second: null,
  disk_write_bytes_per_second: null,
  net_rx_bytes_per_second: null,
  net_tx_bytes_per_second: null,
  open_files: null,
};

const worker = (pid: number, cpu: number | null, read: number | null): Process => ({
  ...base,
  key: { pid, startMs: 2000 },
  name: 'postgres',
  user: 'postgres',
  unit: 'postgresql.service',
  command: `postgres: worker ${String(pid)}`,
  cpu_ratio: cpu,
  disk_read_bytes_per_second: read,
});

const rows = rowsAt([base, worker(20, 0.5, 10), worker(3, 1.5, null), worker(100, null, null)]);

describe('rows of an instant', () => {
  it('sorts with absent values last in both directions', () => {
    const pids = (column: string, descending: boolean): (number | null)[] =>
      sortRows(rows, { column, descending }).map((row) => row.pid);
    expect(pids('cpu', true)).toEqual([3, 20, 1, 100]);
    expect(pids('cpu', false)).toEqual([1, 20, 3, 100]);
    expect(pids('read', true)).toEqual([20, 3, 1, 100]);
    expect(pids('pid', false)).toEqual([1, 3, 20, 100]);
    expect(pids('unit', false)).toEqual([3, 20, 100, 1]);
  });

  it('keeps equal rows in the order of their pids, and groups in that of their names', () => {
    const idle = rowsAt(
      [100, 9, 20].map((pid) => ({ ...base, key: { pid, startMs: 1000 }, user: `u${String(pid)}` })),
    );
    const sort = { column: 'cpu', descending: true };
    expect(sortRows(idle, sort).map((row) => row.pid)).toEqual([9, 20, 100]);
    expect(sortRows(groupRows(idle, 'user'), sort).map((row) => row.user)).toEqual(['u9', 'u20', 'u100']);
  });

  it('sorts by an unknown column without harm', () => {
    expect(sortRows(rows, { column: 'colour', descending: true }).map((row) => row.pid)).toEqual([
      3, 20, 1, 100,
    ]);
  });

  it('filters by any field', () => {
    expect(filterRows(rows, 'worker -pid:20').map((row) => row.pid)).toEqual([3, 100]);
    expect(filterRows(rows, 'user:root').map((row) => row.pid)).toEqual([1]);
    expect(filterRows(rows, ' ')).toHaveLength(4);
  });

  it('adds up groups, and a sum is absent only where all of its parts are', () => {
    const [init, postgres] = sortRows(groupRows(rows, 'user'), { column: 'count', descending: false });
    expect(init).toMatchObject({ user: 'root', cpu: 0, memory: 100, read: null, count: 1, key: null });
    expect(postgres).toMatchObject({ user: 'postgres', cpu: 2, memory: 300, read: 10, count: 3 });
  });

  it('keeps what has no unit in a group of its own', () => {
    expect(groupRows(rows, 'unit').map((row) => [row.unit, row.count])).toEqual([
      [null, 1],
      ['postgresql.service', 3],
    ]);
  });

  it('a group opens as a filter that finds it', () => {
    const commands = [
      'nginx',
      'sh -c "echo a | grep b"',
      'java -Dx=(1 or 2) -jar "my app.jar" --all',
      '/usr/bin/x -a',
    ];
    for (const command of commands) {
      const found = filterRows(
        rowsAt([
          { ...base, command },
          { ...base, command: 'else' },
        ]),
        groupFilter('command', command),
      );
      expect(
        found.map((row) => row.command),
        command,
      ).toEqual([command]);
    }
    expect(
      groupRows(
        rowsAt([
          { ...base, command: 'a b' },
          { ...base, command: 'a b' },
        ]),
        'command',
      ),
    ).toMatchObject([{ command: 'a b', name: null, count: 2 }]);
  });

  it('shows the other row only when it stands for something', () => {
    expect(otherAt(null)).toBeNull();
    expect(otherAt({ ...base, processes: 0 })).toBeNull();
    expect(otherAt({ ...base, processes: 4 })).toMatchObject({ count: 4, memory: 100 });
  });

  it('turns the share of all cores into cores', () => {
    expect(hostAt(null)).toBeNull();
    const totals = { cpu_used_ratio: 0.25, cpu_cores: 8, memory_used_bytes: 5 } as Parameters<
      typeof hostAt
    >[0];
    expect(hostAt(totals)).toMatchObject({ cpu: 2, memory: 5 });
  });
});

describe('rows of a range', () => {
  const usage = {
    cpu_seconds: 30,
    cpu_ratio_max: 2,
    rss_bytes_max: 10,
    disk_read_bytes: 1,
    disk_write_bytes: 2,
    net_rx_bytes: null,
    net_tx_bytes: null,
  };
  const answer: ProcessesOver = {
    fromMs: 0,
    toMs: 60_000,
    processes: [
      {
        ...usage,
        key: { pid: 7, startMs: 5 },
        name: 'dd',
        command: 'dd',
        user: 'root',
        unit: null,
        container: null,
        firstSeenMs: 1,
        lastSeenMs: 2,
        processes: 1,
      },
    ],
    other: null,
    totals: usage,
    complete: true,
  };
  it('gives the mean CPU in cores beside the CPU time', () => {
    expect(rowsOver(answer, 'process')[0]).toMatchObject({
      pid: 7,
      cpu: 0.5,
      cpu_time: 30,
      cpu_max: 2,
      memory: 10,
    });
    expect(totalOver(answer)).toMatchObject({ cpu: 0.5, cpu_time: 30 });
  });
  it('has no process in a group', () => {
    expect(rowsOver(answer, 'user')[0]).toMatchObject({ id: 'user:root', key: null, pid: null, count: 1 });
  });
});
