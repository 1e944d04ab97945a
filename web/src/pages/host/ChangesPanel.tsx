import { Button, SegmentedControl } from '@mantine/core';
import { type JSX, useMemo } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { type Changes, fetchChanges } from '../../api/changes';
import { serverNow } from '../../api/client';
import type { HostEvent } from '../../api/events';
import type { Group } from '../../api/processes';
import { Link } from '../../components/Link';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { comparisonMs } from '../../lib/compare';
import type { Span } from '../../lib/range';
import { formatClock, formatRange } from '../../lib/time';
import { AGAINST, type Against, type HostView, ROW_KINDS } from '../../state/hostAddress';
import { momentLink } from '../../state/momentLink';
import { text } from '../../text';
import { kindName } from '../events/eventRows';
import { type ChangeRow, buildChanges } from './changes';
import styles from './ChangesPanel.module.css';
import panel from './ProcessPanel.module.css';
import type { ChangeView } from './useHostView';

export interface ChangesPanelProps {
  readonly host: string;
  readonly view: HostView;
  readonly change: ChangeView;
  readonly selection: Span;
  readonly against: Against;
}

/** Lines of each kind that are asked for. */
const LIMIT = 50;
/** The highest score there is. */
const FULL = 20;
/** From here on a line is worth a look. */
const WORTH = 3;

const GROUPS: readonly Group[] = ROW_KINDS.filter((kind) => kind !== 'tree');

/** What of the selected range is unlike an earlier one, in place of the process table. */
export function ChangesPanel({ host, view, change, selection, against }: ChangesPanelProps): JSX.Element {
  const words = text.changes;
  const group: Group = view.group === 'tree' ? 'process' : view.group;
  const againstMs = against === 'before' ? null : selection.fromMs - comparisonMs(against);
  const found = useQuery({
    queryKey: ['changes', host, selection.fromMs, selection.toMs, againstMs, group],
    queryFn: ({ signal }) => fetchChanges({ host, ...selection, againstMs, group, limit: LIMIT }, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const rows = useMemo(
    () => (found.data ? buildChanges(host, view, group, found.data) : []),
    [host, view, group, found.data],
  );
  return (
    <section className={panel.panel} aria-label={words.title}>
      <div className={panel.bar} data-loading={found.isFetching || undefined}>
        <span className={panel.mode} data-mode="range">
          {words.title}
        </span>
        <span className={panel.moment}>{comparedText(found.data ?? null, selection)}</span>
        <Button size="compact-xs" variant="default" onClick={() => change({ changes: null })}>
          {words.back}
        </Button>
        <div className={panel.spring} />
        <SegmentedControl
          size="xs"
          aria-label={words.against}
          value={against}
          onChange={(next) => change({ changes: AGAINST.find((one) => one === next) ?? 'before' })}
          data={AGAINST.map((one) => ({ value: one, label: words.than[one] }))}
        />
        <SegmentedControl
          size="xs"
          aria-label={text.processes.groupLabel}
          value={group}
          onChange={(next) => change({ group: GROUPS.find((one) => one === next) ?? 'process' })}
          data={GROUPS.map((one) => ({ value: one, label: text.processes.groups[one] }))}
        />
      </div>
      {found.error ? (
        <ErrorNotice error={found.error} onRetry={() => void found.refetch()} />
      ) : found.data ? (
        <>
          <Happened host={host} events={found.data.events} />
          <ChangesList data={found.data} rows={rows} />
        </>
      ) : (
        <PageLoading />
      )}
    </section>
  );
}

/** Events that are listed; the rest is on the time axis. */
const MOST_EVENTS = 6;

/** What happened in the range, the newest last: mostly the reason for all else. */
function Happened({
  host,
  events,
}: {
  readonly host: string;
  readonly events: readonly HostEvent[];
}): JSX.Element | null {
  if (events.length === 0) return null;
  const shown = events.slice(-MOST_EVENTS);
  return (
    <ul className={styles.happened} aria-label={text.changes.happened}>
      {events.length > shown.length && (
        <li className={styles.detail}>{text.changes.earlier(events.length - shown.length)}</li>
      )}
      {shown.map((event, index) => (
        // Of one snapshot several may be alike.
        <li key={`${String(index)} ${String(event.atMs)}`}>
          <span className={styles.kind}>{kindName(event.kind)}</span>
          <Link to={momentLink(host, event.atMs)} className={styles.name}>
            {formatClock(event.atMs)}
          </Link>
          <span className={styles.detail}>
            {[event.subject, event.text]
              .filter((part, place) => part !== null && !(place === 0 && event.text?.includes(part)))
              .join(': ')}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** The widened range and what it was compared with; until that is known, what was asked. */
function comparedText(data: Changes | null, selection: Span): string {
  const now = serverNow();
  const range = data?.range ?? selection;
  const shown = formatRange(range.fromMs, range.toMs, now);
  return data
    ? text.changes.compared(shown, formatRange(data.against.fromMs, data.against.toMs, now))
    : shown;
}

function ChangesList({
  data,
  rows,
}: {
  readonly data: Changes;
  readonly rows: readonly ChangeRow[];
}): JSX.Element {
  const words = text.changes;
  if (data.recordedSeconds === 0 || data.recordedBeforeSeconds === 0) {
    const missing = data.recordedSeconds === 0 ? words.nothingNow : words.nothingBefore;
    return <Notice title={words.nothing} detail={missing} />;
  }
  if (rows.length === 0) return <Notice title={words.same} />;
  return (
    <div className={styles.scroll}>
      <table className={styles.table} aria-label={words.title}>
        <thead>
          <tr>
            <th scope="col">{words.score}</th>
            <th scope="col">{words.what}</th>
            <th scope="col">{words.how}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Line key={row.id} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Line({ row }: { readonly row: ChangeRow }): JSX.Element {
  const { kind, name, detail, score, numbers, href } = row;
  return (
    <tr data-kind={kind} data-worth={score >= WORTH || undefined}>
      <td className={styles.score} title={text.changes.scoreHint}>
        <span className={styles.track} aria-hidden="true">
          <span className={styles.bar} style={{ width: `${String(Math.min(1, score / FULL) * 100)}%` }} />
        </span>
        {score.toFixed(1)}
      </td>
      <td className={styles.what}>
        <span className={styles.kind}>{text.changes.kinds[kind]}</span>
        <Link to={href} className={styles.name}>
          {name}
        </Link>
        <span className={styles.detail} title={detail}>
          {detail}
        </span>
      </td>
      <td className={styles.how}>
        {numbers.map(({ label, before, value, by }) => (
          <span key={label} className={styles.number}>
            {label !== '' && <span className={styles.label}>{label}</span>}
            <span className={styles.before}>{before}</span>
            <span aria-hidden="true">→</span>
            <span className="visually-hidden">{text.changes.to}</span>
            <strong>{value}</strong>
            <span className={styles.by}>{by}</span>
          </span>
        ))}
      </td>
    </tr>
  );
}
