import { type JSX, memo, useRef } from 'react';

import { SortHeader } from '../../components/SortHeader';
import { useRowWindow } from '../../components/useRowWindow';
import type { SlotName } from '../../lib/processColors';
import { formatDateTime } from '../../lib/time';
import type { RowKind, Sort } from '../../state/hostAddress';
import { text } from '../../text';
import styles from './ProcessTable.module.css';
import type { ProcessColumn } from './processColumns';
import { type ProcessRow, type RowNumbers, groupName } from './processRows';

const ROW_HEIGHT = 24;
/** Of each generation in a tree. */
const INDENT = 14;

export interface SumRow {
  readonly label: string;
  readonly hint: string;
  readonly numbers: RowNumbers;
}

export interface ProcessTableProps {
  readonly rows: readonly ProcessRow[];
  /** What the table is going to have, before it is laid out. */
  readonly height: number;
  readonly columns: readonly ProcessColumn[];
  readonly colors: ReadonlyMap<string, SlotName>;
  readonly sums: readonly SumRow[];
  readonly group: RowKind;
  /** What the whole machine has, for the bars. */
  readonly wholeCpu: number | null;
  readonly wholeMemory: number | null;
  readonly selectedId: string | null;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly onRow: (row: ProcessRow) => void;
  readonly nowMs: number;
  readonly empty: string;
}

/** The pointer moves far more often than its rows change. */
export const ProcessTable = memo(function ProcessTable(props: ProcessTableProps): JSX.Element {
  const { rows, columns, colors, sums, group, selectedId, sort, onSort, onRow, nowMs, empty } = props;
  const { wholeCpu, wholeMemory } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useRowWindow(scroller, rows.length, ROW_HEIGHT, props.height);
  return (
    <div className={styles.scroller} ref={scroller}>
      <table
        className={styles.table}
        style={{ minWidth: widthOf(columns) }}
        aria-label={text.processes.label}
        aria-rowcount={rows.length + 1}
      >
        <colgroup>
          {columns.map(({ id, width }) => (
            <col key={id} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map(({ id, label, hint, numeric }) => (
              <SortHeader key={id} column={id} {...{ label, hint, numeric, sort, onSort }} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.before > 0 && <tr aria-hidden="true" style={{ height: shown.before }} />}
          {rows.slice(shown.first, shown.last).map((row, index) => (
            <BodyRow
              key={row.id}
              {...{ row, columns, group, onRow, nowMs, wholeCpu, wholeMemory }}
              color={colors.get(row.id)}
              index={shown.first + index + 2}
              selected={row.id === selectedId}
            />
          ))}
          {shown.after > 0 && <tr aria-hidden="true" style={{ height: shown.after }} />}
        </tbody>
        {sums.length > 0 && (
          <tfoot>
            {sums.map((sum) => (
              <FootRow key={sum.label} sum={sum} columns={columns} />
            ))}
          </tfoot>
        )}
      </table>
      {rows.length === 0 && <p className={styles.empty}>{empty}</p>}
    </div>
  );
});

/** Columns without a width of their own take at least this. */
const AUTO_WIDTH = 200;

const widthOf = (columns: readonly ProcessColumn[]): number =>
  columns.reduce((sum, { width }) => sum + (width === 'auto' ? AUTO_WIDTH : width), 0);

interface BodyRowProps {
  readonly row: ProcessRow;
  readonly columns: readonly ProcessColumn[];
  readonly group: RowKind;
  /** That it has in the charts. */
  readonly color: SlotName | undefined;
  readonly wholeCpu: number | null;
  readonly wholeMemory: number | null;
  readonly index: number;
  readonly selected: boolean;
  readonly onRow: (row: ProcessRow) => void;
  readonly nowMs: number;
}

const BodyRow = memo(function BodyRow(props: BodyRowProps): JSX.Element {
  const { row, columns, wholeCpu, wholeMemory, index, selected, nowMs } = props;
  return (
    <tr
      className={styles.row}
      aria-rowindex={index}
      data-selected={selected || undefined}
      data-ended={row.state === 'X' || undefined}
    >
      {columns.map((column) => {
        if (column.id === nameColumn(props.group)) {
          return <NameCell key={column.id} {...props} />;
        }
        const whole = column.bar === 'cpu' ? wholeCpu : column.bar === 'memory' ? wholeMemory : null;
        const value = row[column.id];
        const hasBar = column.bar && typeof value === 'number' && value > 0 && whole !== null && whole > 0;
        const label = column.format(row, nowMs);
        return (
          <td
            key={column.id}
            data-numeric={column.numeric || undefined}
            data-faint={value === 0 || value === null || undefined}
            data-column={column.id}
            data-bar={hasBar || undefined}
            title={cellTitle(column, row, label)}
          >
            {hasBar ? (
              <>
                <span
                  className={styles.bar}
                  style={{ width: `${String(Math.min(1, value / whole) * 100)}%` }}
                />
                <span className={styles.value}>{label}</span>
              </>
            ) : (
              label
            )}
          </td>
        );
      })}
    </tr>
  );
});

/** The column whose cell is the row's button. */
const nameColumn = (group: RowKind): string => (isOfProcess(group) ? 'name' : group);
const isOfProcess = (group: RowKind): group is 'process' | 'tree' => group === 'process' || group === 'tree';

function cellTitle(column: ProcessColumn, row: ProcessRow, label: string): string | undefined {
  if (column.id === 'state') return text.processes.states[row.state ?? ''];
  if (column.id === 'first_seen' || column.id === 'last_seen') {
    const ms = row[column.id];
    return ms === null ? undefined : formatDateTime(ms);
  }
  return column.numeric ? undefined : label;
}

/** The cell whose button is the whole row: it selects a process, or opens a group. */
function NameCell({ row, group, color, selected, onRow }: BodyRowProps): JSX.Element {
  const name = isOfProcess(group) ? row.name : groupName(row, group);
  const label = isOfProcess(group)
    ? text.processes.select(name ?? '', row.pid ?? 0)
    : text.processes.drillDown(name ?? text.processes.ungrouped);
  return (
    <td
      className={styles.name}
      title={name ?? undefined}
      style={{
        ...(row.depth > 0 ? { paddingLeft: 8 + row.depth * INDENT } : {}),
        ...(color ? { boxShadow: `inset 4px 0 0 var(--line-${color})` } : {}),
      }}
      data-color={color}
      data-depth={row.depth > 0 ? row.depth : undefined}
    >
      <button
        type="button"
        aria-label={label}
        aria-pressed={isOfProcess(group) ? selected : undefined}
        onClick={() => onRow(row)}
      >
        {name ?? text.processes.ungrouped}
      </button>
    </td>
  );
}

function FootRow({
  sum,
  columns,
}: {
  readonly sum: SumRow;
  readonly columns: readonly ProcessColumn[];
}): JSX.Element {
  const first = columns.findIndex((column) => column.sum);
  return (
    <tr className={styles.foot}>
      <th scope="row" colSpan={first} title={sum.hint}>
        {sum.label}
      </th>
      {columns.slice(first).map((column) => (
        <td key={column.id} data-numeric={column.numeric || undefined}>
          {column.sum?.(sum.numbers) ?? ''}
        </td>
      ))}
    </tr>
  );
}
