/** Columns of the process table: which there are, how wide, and how a cell reads. */
import {
  ABSENT,
  formatBytes,
  formatCores,
  formatCount,
  formatCpuSeconds,
  formatRate,
} from '../../lib/format';
import { formatInstant } from '../../lib/time';
import { text } from '../../text';
import type { RowKind } from '../../state/hostAddress';
import type { ProcessRow, RowNumbers } from './processRows';

export interface ProcessColumn {
  /** What the table is sorted by in the address; the same at an instant and over a range. */
  readonly id: keyof ProcessRow;
  readonly label: string;
  readonly hint?: string;
  readonly width: number | 'auto';
  readonly numeric: boolean;
  readonly format: (row: ProcessRow, nowMs: number) => string;
  /** For the rows of sums below the table; absent where a sum has no meaning. */
  readonly sum?: (row: RowNumbers) => string;
  /** The part of the whole that a bar behind the number shows. */
  readonly bar?: 'cpu' | 'memory';
}

const words = text.processes.columns;
const hints = text.processes.columnHints;

type NumberId = keyof RowNumbers;

function number(
  id: NumberId,
  label: string,
  width: number,
  format: (value: number | null) => string,
  more: Partial<ProcessColumn> = {},
): ProcessColumn {
  return {
    id,
    label,
    width,
    numeric: true,
    format: (row) => format(row[id]),
    sum: (row) => format(row[id]),
    ...more,
  };
}

type TextId = 'name' | 'user' | 'unit' | 'container' | 'command';

function textColumn(id: TextId, label: string, width: number): ProcessColumn {
  return { id, label, width, numeric: false, format: (row) => row[id] ?? ABSENT };
}

function when(id: 'first_seen' | 'last_seen', label: string): ProcessColumn {
  return {
    id,
    label,
    width: 84,
    numeric: true,
    format: (row, nowMs) => (row[id] === null ? ABSENT : formatInstant(row[id], nowMs)),
  };
}

const STARTED: ProcessColumn = { ...when('first_seen', words.started), width: 132 };

const PID: ProcessColumn = {
  id: 'pid',
  label: words.pid,
  width: 72,
  numeric: true,
  format: (row) => (row.pid === null ? ABSENT : String(row.pid)),
};

const PARENT: ProcessColumn = {
  id: 'parentPid',
  label: words.parentPid,
  width: 76,
  numeric: true,
  format: (row) => (row.parentPid === null ? ABSENT : String(row.parentPid)),
};

const STATE: ProcessColumn = {
  id: 'state',
  label: words.state,
  hint: hints['state'] ?? '',
  width: 58,
  numeric: false,
  format: (row) => row.state ?? ABSENT,
};

const COMMAND: ProcessColumn = {
  id: 'command',
  label: words.command,
  width: 'auto',
  numeric: false,
  format: (row) => row.command ?? (row.key ? `[${text.processes.kernelThread}]` : ''),
};

const count = number('count', words.count, 66, formatCount);
const hinted = (id: string): Partial<ProcessColumn> => (hints[id] === undefined ? {} : { hint: hints[id] });

export interface ColumnChoice {
  readonly over: boolean;
  readonly group: RowKind;
  readonly withNetwork: boolean;
  /** Hosts without systemd have no units. */
  readonly withUnit: boolean;
}

/** Columns that cannot be taken out: by them a row is known. */
const FIXED: ReadonlySet<string> = new Set(['pid', 'name', 'count', 'command']);

/** Columns that are there only when they were chosen. */
export const OPTIONAL: readonly string[] = ['swap', 'files', 'container', 'parentPid'];

/** Whether somebody chose other than what the table shows by itself, by column. */
export type Chosen = Readonly<Record<string, boolean>>;

export const isChosen = (value: unknown): value is Chosen =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((one) => typeof one === 'boolean');

/** Every column that the table could have, with whether it has it. */
export function offeredColumns(
  choice: ColumnChoice,
  chosen: Chosen,
): readonly { readonly column: ProcessColumn; readonly shown: boolean; readonly fixed: boolean }[] {
  return everyColumn({ ...choice, withNetwork: true, withUnit: true }).map((column) => {
    const byItself =
      !OPTIONAL.includes(column.id) &&
      (choice.over || column.id !== 'first_seen') &&
      (choice.withNetwork || (column.id !== 'rx' && column.id !== 'tx')) &&
      (choice.withUnit || column.id !== 'unit' || choice.group === 'unit');
    const fixed = FIXED.has(column.id) || column.id === choice.group;
    return { column, fixed, shown: fixed || (chosen[column.id] ?? byItself) };
  });
}

export function processColumns(choice: ColumnChoice, chosen: Chosen = {}): ProcessColumn[] {
  return offeredColumns(choice, chosen)
    .filter(({ shown }) => shown)
    .map(({ column }) => column);
}

function everyColumn({ over, group, withNetwork, withUnit }: ColumnChoice): ProcessColumn[] {
  const isGroup = group !== 'process' && group !== 'tree';
  const head = isGroup
    ? [textColumn(group, words[group], group === 'command' ? 520 : 240), count]
    : [PID, textColumn('name', words.name, group === 'tree' ? 240 : 150), textColumn('user', words.user, 92)];
  const body = over ? overColumns(withNetwork) : atColumns(withNetwork, isGroup);
  const unit = withUnit
    ? [textColumn('unit', words.unit, 170), textColumn('container', words.container, 120)]
    : [];
  // What is left of the width is the command's, or empty.
  const filler = group === 'command' ? [] : [{ ...COMMAND, label: '' }];
  return [...head, ...body, ...(isGroup ? filler : [...unit, COMMAND])];
}

function atColumns(withNetwork: boolean, isGroup: boolean): ProcessColumn[] {
  return [
    ...(isGroup ? [] : [STATE]),
    number('cpu', words.cpu, 84, formatCores, { ...hinted('cpu'), bar: 'cpu' }),
    number('memory', words.memory, 90, formatBytes, { ...hinted('memory'), bar: 'memory' }),
    number('read', words.read, 92, formatRate),
    number('write', words.write, 92, formatRate),
    ...(withNetwork ? [number('rx', words.rx, 92, formatRate), number('tx', words.tx, 92, formatRate)] : []),
    number('swap', words.swap, 84, formatBytes),
    number('threads', words.threads, 76, formatCount),
    number('files', words.files, 84, formatCount),
    ...(isGroup ? [] : [PARENT, STARTED]),
  ];
}

function overColumns(withNetwork: boolean): ProcessColumn[] {
  return [
    number('cpu', words.cpu, 84, formatCores, { ...hinted('cpu'), bar: 'cpu' }),
    number('cpu_time', words.cpu_time, 84, formatCpuSeconds, hinted('cpu_time')),
    number('cpu_max', words.cpu_max, 80, formatCores, hinted('cpu_max')),
    number('memory', words.memory_max, 106, formatBytes, { ...hinted('memory_max'), bar: 'memory' }),
    number('read', words.read_total, 84, formatBytes),
    number('write', words.write_total, 84, formatBytes),
    ...(withNetwork
      ? [number('rx', words.rx_total, 84, formatBytes), number('tx', words.tx_total, 84, formatBytes)]
      : []),
    when('first_seen', words.first_seen),
    when('last_seen', words.last_seen),
  ];
}
