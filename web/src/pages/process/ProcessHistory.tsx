import type { JSX, ReactNode } from 'react';

import type { Alert } from '../../api/alerts';
import type { HostEvent } from '../../api/events';
import type { Exits, ProcessHistory as History } from '../../api/processHistory';
import type { ProcessKey } from '../../api/processes';
import { Link } from '../../components/Link';
import { ABSENT, formatBytes, formatCount, formatDuration } from '../../lib/format';
import { formatClock, formatDateTime } from '../../lib/time';
import type { HostView } from '../../state/hostAddress';
import { momentLink } from '../../state/momentLink';
import { text } from '../../text';
import { alertLink } from '../alerts/alertLink';
import { kindName } from '../events/eventRows';
import { Section } from './Section';
import styles from './ProcessPage.module.css';
import { exitText, isBadExit } from './exitText';
import type { ProcessHistoryFound } from './useProcessHistory';

export interface ProcessHistoryProps {
  readonly host: string;
  readonly process: ProcessKey;
  readonly found: ProcessHistoryFound;
  readonly view: HostView;
  readonly link: (key: ProcessKey) => string;
}

/** More than these are counted only. */
const MOST_LISTED = 12;

/** What the process had to do with: whom it talked to, how it and its like ended, which alerts and events named it. */
export function ProcessHistory({ host, process, found, view, link }: ProcessHistoryProps): JSX.Element {
  const words = text.processPage;
  const isOver = view.selection ? words.inSelection : words.inRange;
  return (
    <>
      <div className={styles.together}>
        <Section title={words.alerts.title}>
          <Late value={found.alerts} none={words.alerts.none}>
            {(alerts) => <AlertList label={words.alerts.title} alerts={alerts} />}
          </Late>
        </Section>
        <Section title={words.events.title}>
          <Late value={found.events} none={words.events.none}>
            {(events) => (
              <EventList label={words.events.title} host={host} process={process} events={events} />
            )}
          </Late>
        </Section>
      </div>
      <Section
        isWide
        title={`${words.connections.title} ${view.pinMs === null ? isOver : words.connections.at(formatClock(view.pinMs))}`}
      >
        <Late value={found.history && found.history.connections} none={words.connections.none}>
          {(connections) => (
            <ConnectionList
              label={words.connections.title}
              connections={connections}
              leftOut={found.history?.leftOut ?? 0}
            />
          )}
        </Late>
      </Section>
      <Section title={words.exits.title(found.exits?.total ?? null)}>
        <Late value={found.exits && found.exits.newest} none={words.exits.none}>
          {(newest) => (
            <ExitList
              label={words.exits.title(found.exits?.total ?? 0)}
              exits={{ newest, total: found.exits?.total ?? 0 }}
              self={process}
              link={link}
            />
          )}
        </Late>
      </Section>
    </>
  );
}

interface LateProps<T> {
  readonly value: readonly T[] | undefined | null;
  /** Said when there are none. */
  readonly none: string;
  readonly children: (value: readonly T[]) => ReactNode;
}

function Late<T>({ value, none, children }: LateProps<T>): JSX.Element {
  if (value === null) return <p className={styles.none}>{text.processPage.tooLong}</p>;
  if (value === undefined) return <p className={styles.none}>{text.common.loading}</p>;
  if (value.length === 0) return <p className={styles.none}>{none}</p>;
  return <>{children(value)}</>;
}

const More = ({ count }: { readonly count: number }): JSX.Element | null =>
  count > 0 ? <p className={styles.none}>{text.processPage.more(count)}</p> : null;

interface ConnectionListProps {
  readonly label: string;
  readonly connections: History['connections'];
  readonly leftOut: number;
}

function ConnectionList({ label, connections, leftOut }: ConnectionListProps): JSX.Element {
  const words = text.processPage.connections;
  const { number } = styles;
  return (
    <>
      <table className={styles.list} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{words.remote}</th>
            <th scope="col">{words.local}</th>
            <th scope="col">{words.state}</th>
            <th scope="col" className={number}>
              {words.received}
            </th>
            <th scope="col" className={number}>
              {words.sent}
            </th>
            <th scope="col" className={number}>
              {words.rtt}
            </th>
            <th scope="col" className={number}>
              {words.again}
            </th>
          </tr>
        </thead>
        <tbody>
          {connections.slice(0, MOST_LISTED).map((one) => (
            <tr key={`${one.protocol} ${one.local} ${one.remote}`}>
              <td title={`${one.protocol} ${one.remote}`}>{one.remote}</td>
              <td title={one.local}>{one.local}</td>
              <td>{one.state ?? one.protocol}</td>
              <td className={number}>{formatBytes(one.rxBytes)}</td>
              <td className={number}>{formatBytes(one.txBytes)}</td>
              <td className={number}>{formatDuration(one.rttSeconds)}</td>
              <td className={number}>{formatCount(one.retransmits)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More count={Math.max(0, connections.length - MOST_LISTED) + leftOut} />
    </>
  );
}

interface ExitListProps {
  readonly label: string;
  readonly exits: Exits;
  readonly self: ProcessKey;
  readonly link: (key: ProcessKey) => string;
}

function ExitList({ label, exits, self, link }: ExitListProps): JSX.Element {
  const words = text.processPage.exits;
  const shown = exits.newest.slice(0, MOST_LISTED);
  return (
    <>
      <table className={styles.list} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{words.when}</th>
            <th scope="col">{text.processes.columns.pid}</th>
            <th scope="col">{words.how}</th>
            <th scope="col" className={styles.number}>
              {words.lived}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((exit) => (
            <tr key={`${String(exit.key.pid)} ${String(exit.key.startMs)}`}>
              <td>{formatDateTime(exit.atMs)}</td>
              <td title={exit.command ?? undefined}>
                <Link to={link(exit.key)}>{exit.key.pid}</Link>
                {exit.key.pid === self.pid && exit.key.startMs === self.startMs && ` ${words.self}`}
              </td>
              <td data-bad={isBadExit(exit) || undefined}>{exitText(exit)}</td>
              <td className={styles.number}>{formatDuration(exit.lifetimeSeconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More count={exits.total - shown.length} />
    </>
  );
}

function AlertList({
  label,
  alerts,
}: {
  readonly label: string;
  readonly alerts: readonly Alert[];
}): JSX.Element {
  const { states } = text.alerts;
  return (
    <>
      <table className={styles.list} aria-label={label}>
        <tbody>
          {alerts.slice(0, MOST_LISTED).map((alert) => (
            <tr key={alert.id ?? `${alert.rule} ${alert.entity}`}>
              <td>
                <Link to={alertLink(alert)}>{formatDateTime(alert.firedMs ?? alert.sinceMs)}</Link>
              </td>
              <td data-bad={alert.state === 'firing' || undefined}>{states[alert.state]}</td>
              <td title={`${alert.rule}: ${alert.text}`}>{alert.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More count={alerts.length - MOST_LISTED} />
    </>
  );
}

interface EventListProps {
  readonly label: string;
  readonly host: string;
  readonly process: ProcessKey;
  readonly events: readonly HostEvent[];
}

function EventList({ label, host, process, events }: EventListProps): JSX.Element {
  return (
    <>
      <table className={styles.list} aria-label={label}>
        <tbody>
          {events.slice(0, MOST_LISTED).map((event) => (
            <tr key={`${String(event.atMs)} ${event.kind} ${event.text ?? ''}`}>
              <td>
                <Link to={momentLink(host, event.atMs, process)}>{formatDateTime(event.atMs)}</Link>
              </td>
              <td>{kindName(event.kind)}</td>
              <td title={event.text ?? undefined}>{event.text ?? event.subject ?? ABSENT}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More count={events.length - MOST_LISTED} />
    </>
  );
}
