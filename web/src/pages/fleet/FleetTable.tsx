import { type JSX, memo, useMemo, useRef } from 'react';
import { useQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { fetchHostSeries } from '../../api/series';
import { HostTags } from '../../components/HostTags';
import { Link } from '../../components/Link';
import { Meter } from '../../components/Meter';
import { SortHeader } from '../../components/SortHeader';
import { Sparkline } from '../../components/Sparkline';
import { useRowWindow } from '../../components/useRowWindow';
import { bucketsFor } from '../../lib/buckets';
import { ABSENT, formatCount, formatDuration, formatNumber, formatRate, formatRatio } from '../../lib/format';
import { bridge, usualSpacing } from '../../lib/plot';
import type { Sort } from '../../state/hostAddress';
import { hostPath } from '../../state/router';
import { text } from '../../text';
import styles from './FleetTable.module.css';
import type { FleetItem, GroupRow } from './fleetGroups';
import type { FleetRow } from './fleetRows';

const ROW_HEIGHT = 44;

interface FleetColumn {
  readonly id: keyof typeof text.fleet.columns;
  readonly width: number | 'auto';
  readonly numeric: boolean;
  readonly cell: (row: FleetRow) => JSX.Element;
}

/** Of the column of names, which takes what is left. */
const NAME_WIDTH = 220;

export const FLEET_COLUMNS: readonly FleetColumn[] = [
  {
    id: 'cpu',
    width: 84,
    numeric: true,
    cell: ({ cpu }) => <Meter value={cpu} label={formatRatio(cpu)} />,
  },
  { id: 'cpuTrend', width: 112, numeric: false, cell: ({ host }) => <CpuTrend host={host.name} /> },
  {
    id: 'memory',
    width: 84,
    numeric: true,
    cell: ({ memory }) => <Meter value={memory} label={formatRatio(memory)} />,
  },
  {
    id: 'filesystem',
    width: 92,
    numeric: true,
    cell: ({ filesystem }) => <Meter value={filesystem} label={formatRatio(filesystem)} warn={0.8} />,
  },
  {
    id: 'disk',
    width: 112,
    numeric: true,
    cell: ({ latest }) => (
      <Pair
        first={['R', latest?.disk_read_bytes_per_second]}
        second={['W', latest?.disk_write_bytes_per_second]}
      />
    ),
  },
  {
    id: 'network',
    width: 112,
    numeric: true,
    cell: ({ latest }) => (
      <Pair first={['↓', latest?.net_rx_bytes_per_second]} second={['↑', latest?.net_tx_bytes_per_second]} />
    ),
  },
  {
    id: 'load',
    width: 88,
    numeric: true,
    cell: ({ load, latest }) => <Meter value={load} label={formatNumber(latest?.load1)} warn={1} bad={2} />,
  },
  {
    id: 'pressure',
    width: 84,
    numeric: true,
    cell: ({ pressure }) => <Meter value={pressure} label={formatRatio(pressure)} warn={0.25} bad={0.5} />,
  },
  { id: 'processes', width: 88, numeric: true, cell: ({ processes }) => <>{formatCount(processes)}</> },
  { id: 'uptime', width: 84, numeric: true, cell: ({ uptime }) => <>{formatDuration(uptime)}</> },
  {
    id: 'agent',
    width: 72,
    numeric: false,
    cell: ({ agent }) => <span className={styles.agent}>{agent ?? ABSENT}</span>,
  },
  {
    id: 'tags',
    width: 130,
    numeric: false,
    cell: ({ host }) => (
      <span className={styles.tags}>
        <HostTags host={host} />
      </span>
    ),
  },
];

export interface FleetTableProps {
  readonly items: readonly FleetItem[];
  /** Columns that were taken out. */
  readonly hidden: readonly string[];
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

export function FleetTable({ items, hidden, sort, onSort }: FleetTableProps): JSX.Element {
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
            {columns.map(({ id, numeric }) =>
              id === 'cpuTrend' ? (
                <th key={id} scope="col" className={styles.plainHead}>
                  {text.fleet.columns[id]}
                </th>
              ) : (
                <SortHeader
                  key={id}
                  column={id}
                  label={text.fleet.columns[id]}
                  hint={hints[id]}
                  numeric={numeric}
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
                <HostRow key={item.key} row={item.row} columns={columns} index={shown.first + index + 2} />
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
}

const HostRow = memo(function HostRow({ row, columns, index }: HostRowProps): JSX.Element {
  const { host } = row;
  return (
    <tr className={styles.row} data-state={row.state} aria-rowindex={index}>
      <th scope="row" className={styles.host}>
        <Link to={hostPath(host.name)} className={styles.link}>
          <span className={styles.dot} data-state={row.state} role="img" aria-label={text.state[row.state]} />
          {host.name}
        </Link>
        <span className={styles.sub}>{subtitle(row)}</span>
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

/** What a group of hosts is called, and how it is as a whole. */
function GroupHead({ group, span, index }: GroupHeadProps): JSX.Element {
  const { columns } = text.fleet;
  const states: Readonly<Record<string, string>> = text.state;
  const name = group.name === null ? text.fleet.ungrouped : (states[group.name] ?? group.name);
  return (
    <tr className={styles.group} aria-rowindex={index}>
      <th scope="rowgroup" colSpan={span}>
        {name}
        <span className={styles.groupFacts}>
          {[
            text.fleet.hosts(group.hosts),
            text.fleet.up(group.up),
            `${columns.cpu} ${formatRatio(group.cpu)}`,
            `${columns.memory} ${formatRatio(group.memory)}`,
          ].join(' · ')}
        </span>
      </th>
    </tr>
  );
}

function subtitle({ host, state }: FleetRow): string {
  if (state !== 'up') {
    if (host.lastSeenMs === null) return text.fleet.neverSeen;
    return text.fleet.lastSeen(formatDuration((serverNow() - host.lastSeenMs) / 1000));
  }
  const { facts } = host;
  if (!facts) return '';
  return [facts.os, facts.cpu_cores === null ? '' : text.host.facts.cores(facts.cpu_cores)]
    .filter((part) => part !== '')
    .join(' · ');
}

type Labelled = readonly [string, number | null | undefined];

function Pair({ first, second }: { readonly first: Labelled; readonly second: Labelled }): JSX.Element {
  return (
    <div className={styles.pair}>
      {[first, second].map(([label, value]) => (
        <span key={label}>
          <span className={styles.pairLabel}>{label}</span>
          <span data-absent={value == null || undefined} data-zero={value === 0 || undefined}>
            {formatRate(value)}
          </span>
        </span>
      ))}
    </div>
  );
}

const TREND_MS = 30 * 60_000;
const TREND_POINTS = 60;
const TREND_REFETCH_MS = 60_000;

/** Asked for by rows that are on the screen only. */
function CpuTrend({ host }: { readonly host: string }): JSX.Element {
  const trend = useQuery({
    queryKey: ['trend', host],
    queryFn: ({ signal }) => {
      const now = serverNow();
      const { fromMs, toMs, points } = bucketsFor({ fromMs: now - TREND_MS, toMs: now }, TREND_POINTS);
      return fetchHostSeries({ host, columns: ['cpu_used_ratio'], fromMs, toMs, points }, signal);
    },
    staleTime: TREND_REFETCH_MS / 2,
    refetchInterval: TREND_REFETCH_MS,
  });
  const values = trend.data?.columns['cpu_used_ratio'] ?? [];
  const { timeMs = [], bucketMs = 1 } = trend.data ?? {};
  const bridged = bridge(timeMs, values, usualSpacing(timeMs, values, bucketMs));
  return <Sparkline values={bridged} max={1} label={text.fleet.sparklineHint} />;
}
