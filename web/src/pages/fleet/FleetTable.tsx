import { type JSX, memo, useMemo, useRef } from 'react';

import type { Host } from '../../api/hosts';
import { SortHeader } from '../../components/SortHeader';
import { useRowWindow } from '../../components/useRowWindow';
import type { Sort } from '../../state/hostAddress';
import { text } from '../../text';
import styles from './FleetTable.module.css';
import { GroupName } from './GroupName';
import { HostName } from './HostName';
import { FLEET_COLUMNS, type FleetColumn } from './fleetColumns';
import type { FleetItem, GroupRow } from './fleetGroups';
import type { FleetRow } from './fleetRows';

const ROW_HEIGHT = 44;
/** Of the column of names, which takes what is left. */
const NAME_WIDTH = 220;

export interface FleetTableProps {
  readonly items: readonly FleetItem[];
  /** Columns that were taken out. */
  readonly hidden: readonly string[];
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  /** Somebody wants to change a host; absent: may not. */
  readonly onChange: ((host: Host) => void) | undefined;
}

export function FleetTable({ items, hidden, sort, onSort, onChange }: FleetTableProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useRowWindow(scroller, items.length, ROW_HEIGHT);
  const hints: Readonly<Record<string, string>> = text.fleet.hints;
  const columns = useMemo(() => FLEET_COLUMNS.filter(({ id }) => !hidden.includes(id)), [hidden]);
  const minWidth = columns.reduce((sum, { width }) => sum + (width === 'auto' ? 0 : width), NAME_WIDTH);
  return (
    <div className={styles.scroller} ref={scroller}>
      <table
        className={styles.table}
        style={{ minWidth }}
        aria-label={text.fleet.tableLabel}
        aria-rowcount={items.length + 1}
      >
        <colgroup>
          <col />
          {columns.map(({ id, width }) => (
            <col key={id} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            <SortHeader
              column="name"
              label={text.fleet.columns.name}
              numeric={false}
              sort={sort}
              onSort={onSort}
            />
            {columns.map(({ id, numeric, descends, plain }) =>
              plain ? (
                <th key={id} scope="col" className={styles.plainHead} title={hints[id]}>
                  {text.fleet.columns[id]}
                </th>
              ) : (
                <SortHeader
                  key={id}
                  column={id}
                  label={text.fleet.columns[id]}
                  hint={hints[id]}
                  numeric={numeric}
                  descends={descends}
                  sort={sort}
                  onSort={onSort}
                />
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {shown.before > 0 && <tr aria-hidden="true" style={{ height: shown.before }} />}
          {items
            .slice(shown.first, shown.last)
            .map((item, index) =>
              item.kind === 'host' ? (
                <HostRow
                  key={item.key}
                  row={item.row}
                  columns={columns}
                  index={shown.first + index + 2}
                  onChange={onChange}
                />
              ) : (
                <GroupHead
                  key={`group ${item.name ?? ''}`}
                  group={item}
                  span={columns.length + 1}
                  index={shown.first + index + 2}
                />
              ),
            )}
          {shown.after > 0 && <tr aria-hidden="true" style={{ height: shown.after }} />}
        </tbody>
      </table>
      {items.length === 0 && <p className={styles.none}>{text.fleet.noMatch}</p>}
    </div>
  );
}

interface HostRowProps {
  readonly row: FleetRow;
  readonly columns: readonly FleetColumn[];
  readonly index: number;
  readonly onChange: ((host: Host) => void) | undefined;
}

const HostRow = memo(function HostRow({ row, columns, index, onChange }: HostRowProps): JSX.Element {
  return (
    <tr className={styles.row} data-state={row.state} aria-rowindex={index}>
      <th scope="row" className={styles.host}>
        <HostName row={row} onChange={onChange} />
      </th>
      {columns.map(({ id, numeric, cell }) => (
        <td key={id} className={id === 'cpuTrend' ? styles.trend : numeric ? styles.number : undefined}>
          {cell(row)}
        </td>
      ))}
    </tr>
  );
});

interface GroupHeadProps {
  readonly group: GroupRow;
  readonly span: number;
  readonly index: number;
}

function GroupHead({ group, span, index }: GroupHeadProps): JSX.Element {
  return (
    <tr className={styles.group} aria-rowindex={index}>
      <th scope="rowgroup" colSpan={span}>
        <GroupName group={group} />
      </th>
    </tr>
  );
}
