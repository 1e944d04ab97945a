import { type JSX, useRef } from 'react';

import type { Cell, SqlColumn, SqlResult } from '../../api/sql';
import { Link } from '../../components/Link';
import { useRowWindow } from '../../components/useRowWindow';
import { ABSENT } from '../../lib/format';
import { decodeInstant, formatDateTime } from '../../lib/time';
import { DEFAULT_VIEW, encodeHostView } from '../../state/hostAddress';
import { hostPath } from '../../state/router';
import { text } from '../../text';
import { isNumeric, isTime } from './resultChart';
import styles from './SqlPage.module.css';

const ROW_HEIGHT = 24;
/** Shown before and after the instant of a row. */
const AROUND_MS = 15 * 60_000;

/** The rows as they are; a host leads to its page, at the row's time where it has one. */
export function ResultTable({ result }: { readonly result: SqlResult }): JSX.Element {
  const { columns, rows } = result;
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useRowWindow(scroller, rows.length, ROW_HEIGHT);
  const time = columns.findIndex(isTime);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be reached with the keyboard
    <div className={styles.scroller} ref={scroller} tabIndex={0} role="region" aria-label={text.sql.result}>
      <table className={styles.table} aria-label={text.sql.result} aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {columns.map((column, index) => (
              <th key={index} scope="col" title={column.type} data-numeric={isNumeric(column) || undefined}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.before > 0 && <tr aria-hidden="true" style={{ height: shown.before }} />}
          {rows.slice(shown.first, shown.last).map((row, index) => (
            <tr key={shown.first + index} aria-rowindex={shown.first + index + 2}>
              {columns.map((column, place) => (
                <ResultCell key={place} column={column} cell={row[place] ?? null} time={row[time] ?? null} />
              ))}
            </tr>
          ))}
          {shown.after > 0 && <tr aria-hidden="true" style={{ height: shown.after }} />}
        </tbody>
      </table>
    </div>
  );
}

function ResultCell(props: {
  readonly column: SqlColumn;
  readonly cell: Cell;
  readonly time: Cell;
}): JSX.Element {
  const { column, cell, time } = props;
  const label = writeCell(column, cell);
  const host = column.name === 'host' && typeof cell === 'string' ? cell : null;
  return (
    <td data-numeric={isNumeric(column) || undefined} data-faint={cell === null || undefined} title={label}>
      {host === null ? label : <Link to={hostLink(host, time)}>{host}</Link>}
    </td>
  );
}

function writeCell(column: SqlColumn, cell: Cell): string {
  if (cell === null) return ABSENT;
  if (typeof cell === 'object') return JSON.stringify(cell);
  const ms = isTime(column) && typeof cell === 'string' ? decodeInstant(cell) : null;
  return ms === null ? String(cell) : formatDateTime(ms);
}

function hostLink(host: string, time: Cell): string {
  const atMs = typeof time === 'string' ? decodeInstant(time) : null;
  if (atMs === null) return hostPath(host);
  const range = { kind: 'fixed', fromMs: atMs - AROUND_MS, toMs: atMs + AROUND_MS } as const;
  return hostPath(host) + encodeHostView({ ...DEFAULT_VIEW, range, pinMs: atMs });
}
