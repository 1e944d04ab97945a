/** Rows of the process table: answers of the API in, filtered, grouped and sorted rows out. */
import type {
  Group,
  OtherProcesses,
  Process,
  ProcessKey,
  ProcessTotals,
  ProcessesOver,
} from '../../api/processes';
import type { Latest } from '../../api/hosts';
import type { RowKind, Sort } from '../../state/hostAddress';

import { parseFilter } from '../../lib/filter';
import { compareWords } from '../../lib/words';

type Reading = number | null;

/** Numbers of a row. Over a range `read` and the like are bytes, at an instant bytes per second. */
export interface RowNumbers {
  /** In cores; over a range the mean. */
  readonly cpu: Reading;
  readonly cpu_time: Reading;
  readonly cpu_max: Reading;
  /** Over a range the most there was. */
  readonly memory: Reading;
  readonly read: Reading;
  readonly write: Reading;
  readonly rx: Reading;
  readonly tx: Reading;
  readonly threads: Reading;
  readonly swap: Reading;
  readonly files: Reading;
  readonly count: Reading;
}

export interface ProcessRow extends RowNumbers {
  readonly id: string;
  /** Null for a group. */
  readonly key: ProcessKey | null;
  readonly pid: number | null;
  readonly parentPid: number | null;
  readonly name: string | null;
  readonly user: string | null;
  readonly unit: string | null;
  readonly container: string | null;
  readonly command: string | null;
  readonly state: string | null;
  readonly first_seen: Reading;
  readonly last_seen: Reading;
  /** How deep in a tree; 0 at its root and in every table that is none. */
  readonly depth: number;
}

const NO_NUMBERS: RowNumbers = {
  cpu: null,
  cpu_time: null,
  cpu_max: null,
  memory: null,
  read: null,
  write: null,
  rx: null,
  tx: null,
  threads: null,
  swap: null,
  files: null,
  count: null,
};

export const processId = (key: ProcessKey): string => `${String(key.pid)}@${String(key.startMs)}`;

function numbersAt(process: Process | OtherProcesses): RowNumbers {
  return {
    ...NO_NUMBERS,
    cpu: process.cpu_ratio,
    memory: process.rss_bytes,
    read: process.disk_read_bytes_per_second,
    write: process.disk_write_bytes_per_second,
    rx: process.net_rx_bytes_per_second,
    tx: process.net_tx_bytes_per_second,
    threads: process.threads,
    swap: process.swap_bytes,
    files: process.open_files,
    count: 'processes' in process ? process.processes : 1,
  };
}

/** One row per process alive at an instant. */
export function rowsAt(processes: readonly Process[]): ProcessRow[] {
  return processes.map((process) => ({
    ...numbersAt(process),
    id: processId(process.key),
    key: process.key,
    pid: process.key.pid,
    parentPid: process.parent_pid,
    name: process.name,
    user: process.user,
    unit: process.unit,
    container: process.container,
    command: process.command,
    state: process.state,
    first_seen: process.key.startMs,
    last_seen: null,
    depth: 0,
  }));
}

export function otherAt(other: OtherProcesses | null): RowNumbers | null {
  return other && (other.processes ?? 1) > 0 ? numbersAt(other) : null;
}

/** What the host as a whole used at that instant, counted apart from its processes. */
export function hostAt(totals: Latest | null): RowNumbers | null {
  if (!totals) return null;
  const { cpu_used_ratio: used, cpu_cores: cores } = totals;
  return {
    ...NO_NUMBERS,
    cpu: used === null || cores === null ? null : used * cores,
    memory: totals.memory_used_bytes,
    read: totals.disk_read_bytes_per_second,
    write: totals.disk_write_bytes_per_second,
    rx: totals.net_rx_bytes_per_second,
    tx: totals.net_tx_bytes_per_second,
    count: totals.processes,
  };
}

type Totals = NonNullable<ProcessesOver['totals']>;

function numbersOver(totals: Totals, seconds: number, count: Reading): RowNumbers {
  return {
    ...NO_NUMBERS,
    cpu: totals.cpu_seconds === null || seconds <= 0 ? null : totals.cpu_seconds / seconds,
    cpu_time: totals.cpu_seconds,
    cpu_max: totals.cpu_ratio_max,
    memory: totals.rss_bytes_max,
    read: totals.disk_read_bytes,
    write: totals.disk_write_bytes,
    rx: totals.net_rx_bytes,
    tx: totals.net_tx_bytes,
    count,
  };
}

const secondsOf = (answer: ProcessesOver): number => (answer.toMs - answer.fromMs) / 1000;

/** One row per process, or per group when the server grouped them. */
export function rowsOver(answer: ProcessesOver, group: Group): ProcessRow[] {
  return answer.processes.map((totals) => ({
    ...numbersOver(totals, secondsOf(answer), totals.processes ?? 1),
    id:
      group === 'process' && totals.key ? processId(totals.key) : `${group}:${groupOf(totals, group) ?? ''}`,
    key: group === 'process' ? totals.key : null,
    pid: group === 'process' ? (totals.key?.pid ?? null) : null,
    parentPid: null,
    name: totals.name,
    user: totals.user,
    unit: totals.unit,
    container: totals.container ?? null,
    command: totals.command,
    state: null,
    first_seen: totals.firstSeenMs,
    last_seen: totals.lastSeenMs,
    depth: 0,
  }));
}

export function otherOver(answer: ProcessesOver): RowNumbers | null {
  return answer.other ? numbersOver(answer.other, secondsOf(answer), answer.other.processes) : null;
}

export function totalOver(answer: ProcessesOver): RowNumbers | null {
  return answer.totals ? numbersOver(answer.totals, secondsOf(answer), null) : null;
}

function groupOf(row: ProcessTotals | ProcessRow, group: RowKind): string | null {
  return group === 'process' || group === 'tree' ? null : row[group];
}

/** What a row is called in its group. */
export const groupName = (row: ProcessRow, group: RowKind): string | null => groupOf(row, group);

/** What the filter finds the processes of a group by: of a text with quotation marks in it the longest part without. */
export function groupFilter(group: Group, name: string): string {
  const word = name.split('"').reduce((longest, part) => (part.length > longest.length ? part : longest), '');
  return `${group}:${/^[\w.:@/-]+$/.test(word) ? word : `"${word}"`}`;
}

const SUMMED = ['cpu', 'memory', 'swap', 'read', 'write', 'rx', 'tx', 'threads', 'files', 'count'] as const;

/** Adds up the rows of one instant by name, command, user, unit or container. A sum is absent only where all of its parts are. */
export function groupRows(rows: readonly ProcessRow[], group: Group): ProcessRow[] {
  if (group === 'process') return [...rows];
  const groups = new Map<string, { [Name in (typeof SUMMED)[number]]: Reading } & { name: string | null }>();
  for (const row of rows) {
    const name = groupOf(row, group);
    const sum = groups.get(name ?? '') ?? { ...emptySums(), name };
    for (const column of SUMMED) {
      const value = row[column];
      if (value !== null) sum[column] = (sum[column] ?? 0) + value;
    }
    groups.set(name ?? '', sum);
  }
  return [...groups.values()].map(({ name, ...sums }) => ({
    ...NO_NUMBERS,
    ...sums,
    id: `${group}:${name ?? ''}`,
    key: null,
    pid: null,
    parentPid: null,
    name: null,
    user: null,
    unit: null,
    container: null,
    command: null,
    state: null,
    first_seen: null,
    last_seen: null,
    depth: 0,
    [group]: name,
  }));
}

function emptySums(): Record<(typeof SUMMED)[number], Reading> {
  return {
    cpu: null,
    memory: null,
    swap: null,
    read: null,
    write: null,
    rx: null,
    tx: null,
    threads: null,
    files: null,
    count: null,
  };
}

export const FILTER_FIELDS: readonly string[] = [
  'pid',
  'parent',
  'name',
  'user',
  'unit',
  'container',
  'command',
  'state',
  'cpu',
  'memory',
  'swap',
  'read',
  'write',
  'rx',
  'tx',
  'threads',
  'files',
];

export function processTest(filter: string): (row: ProcessRow) => boolean {
  const matches = parseFilter(filter, FILTER_FIELDS);
  return ({ name, user, unit, container, command, state, ...row }) => {
    const { cpu, memory, swap, read, write, rx, tx, threads, files, parentPid: parent } = row;
    // A pid is looked for like a name.
    const pid = row.pid === null ? null : String(row.pid);
    const texts = { pid, name, user, unit, container, command, state };
    return matches({ ...texts, cpu, memory, swap, read, write, rx, tx, threads, files, parent });
  };
}

export function filterRows(rows: readonly ProcessRow[], filter: string): ProcessRow[] {
  if (filter.trim() === '') return [...rows];
  const matches = processTest(filter);
  return rows.filter(matches);
}

/** Sorted by a column; what is absent comes last either way, and equal rows keep a steady order. */
export function sortRows(rows: readonly ProcessRow[], sort: Sort): ProcessRow[] {
  const column = sort.column as keyof ProcessRow;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((left, right) => {
    const order = compare(left[column], right[column], sign);
    return order === 0 ? compare(left.cpu, right.cpu, -1) || steadily(left, right) : order;
  });
}

/** Most processes are idle and so equal: numbers tell them apart at a tenth of what words cost. */
const steadily = (left: ProcessRow, right: ProcessRow): number =>
  (left.pid ?? 0) - (right.pid ?? 0) || compare(left.id, right.id, 1);

function compare(left: unknown, right: unknown, sign: number): number {
  const leftAbsent = left == null || left === '';
  const rightAbsent = right == null || right === '';
  if (leftAbsent || rightAbsent) return Number(leftAbsent) - Number(rightAbsent);
  if (typeof left === 'number' && typeof right === 'number') return sign * (left - right);
  if (typeof left !== 'string' || typeof right !== 'string') return 0;
  return sign * compareWords(left, right);
}
