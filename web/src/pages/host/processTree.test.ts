import { describe, expect, it } from 'vitest';

import type { Process } from '../../api/processes';

import { processTest, rowsAt } from './processRows';
import { treeRows } from './processTree';

const process = (pid: number, parent: number | null, name: string, cpu = 0, startMs = pid): Process => ({
  key: { pid, startMs },
  parent_pid: parent,
  name,
  command: `/bin/${name}`,
  user: 'root',
  unit: null,
  container: null,
  state: 'S',
  threads: 1,
  cpu_ratio: cpu,
  rss_bytes: pid,
  swap_bytes: null,
  disk_read_bytes_per_second: null,
  disk_write_bytes_per_second: null,
  net_rx_bytes_per_second: null,
  net_tx_bytes_per_second: null,
  open_files: null,
});

const rows = rowsAt([
  process(1, 0, 'init'),
  process(2, 0, 'kthreadd'),
  process(10, 1, 'sshd', 0.1),
  process(11, 10, 'bash'),
  process(12, 11, 'busy', 0.9),
  process(20, 1, 'cron', 0.2),
  process(30, 2, 'kworker'),
]);
const lines = (filter: string, descending = true, column = 'cpu'): string[] =>
  treeRows(rows, { column, descending }, processTest(filter)).map(
    ({ depth, name }) => `${'.'.repeat(depth)}${name ?? ''}`,
  );

describe('the tree of processes', () => {
  it('puts the branch of the busiest first', () => {
    expect(lines('')).toEqual(['init', '.sshd', '..bash', '...busy', '.cron', 'kthreadd', '.kworker']);
  });
  it('sorts siblings by themselves the other way round', () => {
    expect(lines('', false, 'name')).toEqual([
      'init',
      '.cron',
      '.sshd',
      '..bash',
      '...busy',
      'kthreadd',
      '.kworker',
    ]);
  });
  it('keeps those above a match', () => {
    expect(lines('busy')).toEqual(['init', '.sshd', '..bash', '...busy']);
    expect(lines('cpu>50%')).toEqual(['init', '.sshd', '..bash', '...busy']);
    expect(lines('nothing')).toEqual([]);
  });
  it('does not believe a pid that is in use again, nor a loop', () => {
    const odd = rowsAt([process(5, 9, 'old', 0, 1), process(9, 5, 'new', 0, 100), process(7, 7, 'own')]);
    const shown = treeRows(odd, { column: 'pid', descending: false }, () => true);
    expect(shown.map(({ name, depth }) => [name, depth])).toEqual([
      ['old', 0],
      ['new', 1],
      ['own', 0],
    ]);
  });
});
