import { type JSX, memo, useEffect, useRef } from 'react';

import { Link } from '../../components/Link';
import { useRowWindow } from '../../components/useRowWindow';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import { SIGNS } from '../host/markSigns';
import styles from './EventsPage.module.css';
import type { EventRow } from './eventRows';

const ROW_HEIGHT = 34;
/** Rows before the end at which more are asked for. */
const AHEAD = 40;

export interface EventsTableProps {
  readonly rows: readonly EventRow[];
  /** The end of the list comes into sight. */
  readonly onEnd: () => void;
}

export function EventsTable({ rows, onEnd }: EventsTableProps): JSX.Element {
  const words = text.events;
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useRowWindow(scroller, rows.length, ROW_HEIGHT);
  const nearEnd = shown.last + AHEAD >= rows.length;
  useEffect(() => {
    if (nearEnd) onEnd();
  }, [nearEnd, onEnd]);
  return (
    <div className={styles.scroller} ref={scroller}>
      <table className={styles.table} aria-label={words.title} aria-rowcount={rows.length + 1}>
        <colgroup>
          <col className={styles.timeColumn} />
          <col className={styles.kindColumn} />
          <col className={styles.hostColumn} />
          <col />
          <col className={styles.whoColumn} />
        </colgroup>
        <thead>
          <tr>
            {[words.time, words.kind, words.host, words.what, words.who].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.before > 0 && <tr aria-hidden="true" style={{ height: shown.before }} />}
          {rows.slice(shown.first, shown.last).map((row, index) => (
            <Line key={row.id} row={row} index={shown.first + index + 2} />
          ))}
          {shown.after > 0 && <tr aria-hidden="true" style={{ height: shown.after }} />}
        </tbody>
      </table>
    </div>
  );
}

interface LineProps {
  readonly row: EventRow;
  readonly index: number;
}

const Line = memo(function Line({ row, index }: LineProps): JSX.Element {
  const { event, mark, kind, what, who, href } = row;
  return (
    <tr className={styles.row} aria-rowindex={index}>
      <td className={styles.time}>{formatDateTime(event.atMs)}</td>
      <td>
        <span className={styles.kind}>
          <span className={styles.sign} data-kind={mark} aria-hidden="true">
            {SIGNS[mark]}
          </span>
          {kind}
        </span>
      </td>
      <td className={styles.host}>
        <Link to={href} className={styles.link} title={text.events.open}>
          {event.host}
        </Link>
        {event.hosts > 1 && <span className={styles.more}>{text.events.more(event.hosts - 1)}</span>}
      </td>
      <td className={styles.what} title={what}>
        {what}
      </td>
      <td className={styles.who} title={who}>
        {who}
      </td>
    </tr>
  );
});
