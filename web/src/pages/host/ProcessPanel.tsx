import { type JSX, memo, useCallback, useDeferredValue, useMemo } from 'react';

import type { Group, Resource } from '../../api/processes';
import { ColumnMenu } from '../../components/ColumnMenu';
import type { LiveSnapshot } from '../../api/live';
import { FilterField } from '../../components/FilterField';
import { ErrorNotice } from '../../components/Notice';
import { Segments } from '../../components/Segments';
import { maxOf } from '../../lib/plot';
import type { SlotName } from '../../lib/processColors';
import type { Span } from '../../lib/range';
import { type CursorStore, useCursor } from '../../state/cursor';
import { type HostView, ROW_KINDS, type RowKind, type Sort } from '../../state/hostAddress';
import { usePreference } from '../../state/preferences';
import { text } from '../../text';
import { FocusLine } from './FocusLine';
import styles from './ProcessPanel.module.css';
import { ProcessTable, type SumRow } from './ProcessTable';
import { SelectedProcess } from './SelectedProcess';
import type { TimeActions } from './useTimeGestures';
import { type Chosen, type ColumnChoice, isChosen, offeredColumns } from './processColumns';
import {
  type ProcessRow,
  type RowNumbers,
  filterRows,
  groupFilter,
  groupName,
  groupRows,
  hostAt,
  otherAt,
  otherOver,
  processId,
  processTest,
  rowsAt,
  rowsOver,
  sortRows,
  totalOver,
} from './processRows';
import { treeRows } from './processTree';
import { useProcessCommands } from './useProcessCommands';
import { type Focus, RANGE_LIMIT, type Shown, useFocusRows } from './useFocus';
import type { ChangeView } from './useHostView';

export interface ProcessPanelProps {
  readonly host: string;
  readonly view: HostView;
  readonly change: ChangeView;
  readonly span: Span;
  readonly following: boolean;
  readonly live: LiveSnapshot | null;
  /** When a host that is silent was last heard of. */
  readonly lastSeenMs: number | null;
  readonly cursor: CursorStore;
  readonly actions: TimeActions;
  readonly step: (count: number) => void;
  readonly cores: number | null;
  readonly memoryBytes: number | null;
  readonly onChanges: () => void;
  /** Colours of those that are in the charts. */
  readonly colors: ReadonlyMap<string, SlotName>;
  readonly filterInput: React.RefObject<HTMLInputElement | null>;
  /** What the panel is going to have, before it is laid out. */
  readonly height: number;
}

/** What stands over the table. */
const BAR_HEIGHT = 43;

const NOTHING_CHOSEN: Chosen = {};

/** What the server groups by: over a range there is no tree. */
const groupOf = (kind: RowKind): Group => (kind === 'tree' ? 'process' : kind);

/** The processes of the moment that the charts point at. */
export const ProcessPanel = memo(function ProcessPanel(props: ProcessPanelProps): JSX.Element {
  const { host, view, change, span, live, cursor, filterInput } = props;
  const { hoverMs } = useCursor(cursor);
  const focus = useMemo(
    () => focusOf(view, hoverMs, props.following, span.toMs),
    [view, hoverMs, props.following, span.toMs],
  );
  const [by, group] = [resourceOf(view.sort.column), groupOf(view.group)];
  const found = useFocusRows(host, focus, live, by, group, props.lastSeenMs);
  const shown = useDeferredValue(found.shown);
  const table = useMemo(() => (shown ? buildTable(shown, view.group) : NO_TABLE), [shown, view.group]);
  const rows = useMemo(
    () =>
      table.group === 'tree'
        ? treeRows(table.rows, view.sort, processTest(view.filter))
        : sortRows(filterRows(table.rows, view.filter), view.sort),
    [table.rows, table.group, view.filter, view.sort],
  );
  const [chosen, setChosen] = usePreference('processes.columns', NOTHING_CHOSEN, isChosen);
  // Another moment has other rows, and seldom other columns.
  const { over, group: grouped, withNetwork, withUnit } = table;
  const offered = useMemo(
    () => offeredColumns({ over, group: grouped, withNetwork, withUnit }, chosen),
    [over, grouped, withNetwork, withUnit, chosen],
  );
  const columns = useMemo(
    () => offered.filter(({ shown: isShown }) => isShown).map(({ column }) => column),
    [offered],
  );
  useProcessCommands(host, rows);
  const onRow = useOnRow(view, change);
  const onSort = useCallback((sort: Sort) => change({ sort }), [change]);
  return (
    <section className={styles.panel} aria-label={text.processes.label}>
      <div className={styles.bar} data-loading={found.loading || undefined}>
        <FocusLine focus={focus} shown={shown} {...props} />
        <div className={styles.spring} />
        {shown?.kind === 'over' && !shown.answer.complete && (
          <span className={styles.incomplete} role="note" data-hint={text.processes.incompleteHint}>
            {text.processes.incomplete}
          </span>
        )}
        <span className={styles.count}>{countText(rows.length, table.rows.length, table.over)}</span>
        <Controls
          {...{ change, offered, chosen, setChosen, filterInput }}
          filter={view.filter}
          group={view.group}
        />
      </div>
      {view.process && (
        <SelectedProcess {...{ host, view, change }} process={view.process} rows={table.rows} />
      )}
      {found.error ? (
        <ErrorNotice error={found.error} onRetry={found.retry} />
      ) : (
        <ProcessTable
          rows={rows}
          height={props.height - BAR_HEIGHT}
          colors={props.colors}
          columns={columns}
          sums={view.filter === '' ? table.sums : NO_TABLE.sums}
          group={table.group}
          wholeCpu={props.cores}
          wholeMemory={props.memoryBytes}
          selectedId={view.process ? processId(view.process) : null}
          sort={view.sort}
          onSort={onSort}
          onRow={onRow}
          nowMs={span.toMs}
          empty={
            shown
              ? table.rows.length === 0
                ? text.processes.none
                : text.processes.noMatch
              : text.common.loading
          }
        />
      )}
    </section>
  );
});

interface ControlsProps extends Pick<ProcessPanelProps, 'change' | 'filterInput'> {
  readonly filter: string;
  readonly group: RowKind;
  readonly offered: ReturnType<typeof offeredColumns>;
  readonly chosen: Chosen;
  readonly setChosen: (chosen: Chosen) => void;
}

/** What chooses rows and columns: it stays while the rows change under the pointer. */
const Controls = memo(function Controls(props: ControlsProps): JSX.Element {
  const { filter, group, change, offered, chosen, setChosen } = props;
  const onFilter = useCallback((next: string) => change({ filter: next }), [change]);
  return (
    <>
      <FilterField
        label={text.processes.filter}
        hint={text.processes.filterHint}
        value={filter}
        onChange={onFilter}
        input={props.filterInput}
      />
      <Segments
        label={text.processes.groupLabel}
        value={group}
        onChange={(next) => change({ group: next })}
        choices={ROW_KINDS.map((kind) => ({ value: kind, label: text.processes.groups[kind] }))}
      />
      <ColumnMenu
        items={offered
          .filter(({ fixed }) => !fixed)
          .map(({ column, shown: isShown }) => ({ id: column.id, label: column.label, shown: isShown }))}
        onToggle={(id, isShown) => setChosen({ ...chosen, [id]: isShown })}
        onReset={() => setChosen(NOTHING_CHOSEN)}
      />
    </>
  );
});

/** A selection holds the table, then a pin; only then the pointer moves it, and last it follows "now". */
export function focusOf(view: HostView, hoverMs: number | null, following: boolean, endMs: number): Focus {
  if (view.selection) return { kind: 'range', span: view.selection };
  if (view.pinMs !== null) return { kind: 'pinned', atMs: view.pinMs };
  if (hoverMs !== null) return { kind: 'hover', atMs: hoverMs };
  return following ? { kind: 'live' } : { kind: 'end', atMs: endMs - 1 };
}

function resourceOf(column: string): Resource {
  if (column === 'memory') return 'memory';
  if (column === 'read' || column === 'write') return 'disk';
  return column === 'rx' || column === 'tx' ? 'network' : 'cpu';
}

interface TableContent extends ColumnChoice {
  readonly rows: readonly ProcessRow[];
  readonly sums: readonly SumRow[];
}

const NO_TABLE: TableContent = {
  rows: [],
  sums: [],
  over: false,
  group: 'process',
  withNetwork: false,
  withUnit: false,
};

function buildTable(shown: Shown, group: RowKind): TableContent {
  const over = shown.kind === 'over';
  const rows = over
    ? rowsOver(shown.answer, shown.group)
    : groupRows(rowsAt(shown.answer.processes), groupOf(group));
  const sums = over
    ? [
        sumRow(text.processes.otherRow, text.processes.otherRangeHint, otherOver(shown.answer)),
        sumRow(text.processes.totalRow, '', totalOver(shown.answer)),
      ]
    : [
        sumRow(text.processes.otherRow, text.processes.otherHint, otherAt(shown.answer.other)),
        sumRow(text.processes.hostTotal, '', hostAt(shown.answer.totals)),
      ];
  return {
    rows,
    sums: sums.filter((sum) => sum !== null),
    over,
    group: over ? shown.group : group,
    withUnit: rows.some((row) => row.unit !== null),
    withNetwork: maxOf([rows.map((row) => row.rx), rows.map((row) => row.tx)]) > 0,
  };
}

function sumRow(label: string, hint: string, numbers: RowNumbers | null): SumRow | null {
  return (
    numbers && {
      label: numbers.count === null ? label : `${label} (${String(numbers.count)})`,
      hint,
      numbers,
    }
  );
}

function countText(shown: number, all: number, over: boolean): string {
  if (shown !== all) return text.processes.shown(shown, all);
  return over && all >= RANGE_LIMIT ? text.processes.more(all) : text.processes.count(all);
}

/** A click on a process puts its lines into the charts, or takes them out; on a group it opens the group. */
function useOnRow(view: HostView, change: ChangeView): (row: ProcessRow) => void {
  const { process: selected, group } = view;
  const selectedId = selected ? processId(selected) : null;
  return useCallback(
    (row: ProcessRow) => {
      if (row.key) {
        change({ process: row.id === selectedId ? null : row.key });
      } else if (group !== 'process' && group !== 'tree') {
        const name = groupName(row, group);
        change(
          { group: 'process', filter: name === null ? '' : groupFilter(group, name) },
          { replace: false },
        );
      }
    },
    [change, selectedId, group],
  );
}
