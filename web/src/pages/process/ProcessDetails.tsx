import type { JSX, ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';

import { fetchProgram } from '../../api/fleet';
import type { Process, ProcessKey } from '../../api/processes';
import { Link } from '../../components/Link';
import {
  ABSENT,
  formatBytes,
  formatCores,
  formatCpuSeconds,
  formatDuration,
  formatRate,
} from '../../lib/format';
import type { Span } from '../../lib/range';
import { formatDateTime } from '../../lib/time';
import { type HostView, encodeHostView } from '../../state/hostAddress';
import { processPath } from '../../state/router';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import styles from './ProcessPage.module.css';
import { OpenFiles } from './OpenFiles';
import { ProcessHistory } from './ProcessHistory';
import { exitText } from './exitText';
import { Section } from './Section';
import type { ProcessFacts } from './useProcessFacts';
import { useProcessHistory } from './useProcessHistory';

export interface ProcessDetailsProps {
  readonly host: string;
  readonly process: ProcessKey;
  readonly facts: ProcessFacts;
  readonly view: HostView;
  readonly span: Span;
  /** The range goes on with the newest snapshots. */
  readonly following: boolean;
}

type Row = readonly [label: string, value: ReactNode];

/** Below the charts: what the process is, what it used, who belongs to it. */
export function ProcessDetails(props: ProcessDetailsProps): JSX.Element {
  const { host, process, facts, view, following, span } = props;
  const words = text.processPage;
  const link = (key: ProcessKey): string => processPath(host, key) + encodeHostView({ ...view, only: [] });
  const { self, parent, totals } = facts;
  const found = useProcessHistory({
    host,
    process,
    following,
    name: facts.name,
    span: view.selection ?? span,
    pinMs: view.pinMs,
  });
  const { exit } = found;
  const [children, alike] = facts.relativesLoading ? [null, null] : [facts.children, facts.alike];
  const mayAsk = useMayChange();
  const state = self?.state ?? null;
  const about: readonly Row[] = [
    [words.command, facts.command === null ? null : <code key="command">{facts.command}</code>],
    [words.user, facts.user],
    [words.unit, facts.unit],
    [words.container, facts.container],
    [words.started, formatDateTime(process.startMs)],
    [
      words.parent,
      parent && (
        <Link key="parent" to={link(parent.key)}>
          {`${parent.name ?? ABSENT} ${String(parent.key.pid)}`}
        </Link>
      ),
    ],
    [words.state, state === null ? null : (text.processes.states[state] ?? state)],
    [
      words.ended,
      exit &&
        words.endedLine(exitText(exit), formatDateTime(exit.atMs), formatDuration(exit.lifetimeSeconds)),
    ],
    [words.lastSeen, totals?.lastSeenMs == null ? null : formatDateTime(totals.lastSeenMs)],
  ];
  return (
    <div className={styles.details}>
      <Section title={words.about}>
        <Facts rows={about} />
      </Section>
      <Section title={view.selection ? words.used.selection : words.used.view}>
        {totals ? (
          <Facts rows={usedRows(facts)} />
        ) : (
          <p className={styles.none}>{facts.loading ? text.common.loading : words.unused}</p>
        )}
      </Section>
      <ProcessHistory {...{ host, process, found, view, link }} />
      {mayAsk && exit === null && (
        <OpenFiles key={`${String(process.pid)} ${String(process.startMs)}`} {...{ host, process }} />
      )}
      <Relatives title={words.children} processes={children} link={link} />
      <Relatives title={words.alike} processes={alike} link={link} />
      {facts.name !== null && <Elsewhere host={host} name={facts.name} />}
    </div>
  );
}

function usedRows({ totals }: ProcessFacts): readonly Row[] {
  const words = text.processPage;
  if (!totals) return [];
  const { firstSeenMs, lastSeenMs } = totals;
  const seconds = firstSeenMs === null || lastSeenMs === null ? null : (lastSeenMs - firstSeenMs) / 1000;
  return [
    [words.used.seen, formatDuration(seconds)],
    [words.used.cpu, formatCpuSeconds(totals.cpu_seconds)],
    [words.used.cpuMax, formatCores(totals.cpu_ratio_max)],
    [words.used.memory, formatBytes(totals.rss_bytes_max)],
    [words.used.read, formatBytes(totals.disk_read_bytes)],
    [words.used.written, formatBytes(totals.disk_write_bytes)],
    [words.used.received, formatBytes(totals.net_rx_bytes)],
    [words.used.sent, formatBytes(totals.net_tx_bytes)],
  ];
}

function Facts({ rows }: { readonly rows: readonly Row[] }): JSX.Element {
  return (
    <dl className={styles.facts}>
      {rows
        .filter(([, value]) => value !== null && value !== '')
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** More are in the table of the host's page. */
const MOST_LISTED = 12;

interface RelativesProps {
  readonly title: (count: number | null) => string;
  /** Null until they are known. */
  readonly processes: readonly Process[] | null;
  readonly link: (key: ProcessKey) => string;
}

function Relatives({ title, processes, link }: RelativesProps): JSX.Element {
  const label = title(processes?.length ?? null);
  return (
    <Section title={label}>
      {processes ? (
        <ProcessList {...{ label, processes, link }} />
      ) : (
        <p className={styles.none}>{text.common.loading}</p>
      )}
    </Section>
  );
}

interface ProcessListProps {
  readonly label: string;
  readonly processes: readonly Process[];
  readonly link: (key: ProcessKey) => string;
}

function ProcessList({ label, processes, link }: ProcessListProps): JSX.Element {
  const { columns } = text.processes;
  if (processes.length === 0) return <p className={styles.none}>{text.processPage.nobody}</p>;
  return (
    <>
      <table className={styles.list} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{columns.name}</th>
            <th scope="col">{columns.command}</th>
            <th scope="col" className={styles.number}>
              {columns.cpu}
            </th>
            <th scope="col" className={styles.number}>
              {columns.memory}
            </th>
            <th scope="col" className={styles.number}>
              {columns.write}
            </th>
          </tr>
        </thead>
        <tbody>
          {processes.slice(0, MOST_LISTED).map((one) => (
            <tr key={`${String(one.key.pid)} ${String(one.key.startMs)}`}>
              <td>
                <Link to={link(one.key)}>{`${one.name ?? ABSENT} ${String(one.key.pid)}`}</Link>
              </td>
              <td title={one.command ?? undefined}>{one.command}</td>
              <td className={styles.number}>{formatCores(one.cpu_ratio)}</td>
              <td className={styles.number}>{formatBytes(one.rss_bytes)}</td>
              <td className={styles.number}>{formatRate(one.disk_write_bytes_per_second)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {processes.length > MOST_LISTED && (
        <p className={styles.none}>{text.processPage.more(processes.length - MOST_LISTED)}</p>
      )}
    </>
  );
}

const ELSEWHERE_REFETCH_MS = 15_000;

/** Where else the program runs now. */
function Elsewhere({ host, name }: { readonly host: string; readonly name: string }): JSX.Element | null {
  const found = useQuery({
    queryKey: ['program', name],
    queryFn: ({ signal }) => fetchProgram(name, signal),
    refetchInterval: ELSEWHERE_REFETCH_MS,
  });
  const others = (found.data ?? []).filter((one) => one.host !== host);
  if (others.length === 0) return null;
  const { columns } = text.processes;
  return (
    <Section title={text.processPage.elsewhere}>
      <table className={styles.list} aria-label={text.processPage.elsewhere}>
        <thead>
          <tr>
            <th scope="col">{text.fleet.columns.name}</th>
            <th scope="col">{columns.pid}</th>
            <th scope="col" className={styles.number}>
              {columns.cpu}
            </th>
            <th scope="col" className={styles.number}>
              {columns.memory}
            </th>
          </tr>
        </thead>
        <tbody>
          {others.slice(0, MOST_LISTED).map((one) => (
            <tr key={`${one.host} ${String(one.process.key.pid)}`}>
              <td>
                <Link to={processPath(one.host, one.process.key)}>{one.host}</Link>
              </td>
              <td>{one.process.key.pid}</td>
              <td className={styles.number}>{formatCores(one.process.cpu_ratio)}</td>
              <td className={styles.number}>{formatBytes(one.process.rss_bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {others.length > MOST_LISTED && (
        <p className={styles.none}>{text.processPage.more(others.length - MOST_LISTED)}</p>
      )}
    </Section>
  );
}
