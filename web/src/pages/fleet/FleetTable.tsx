import { type JSX, memo, useRef } from 'react';
import { useQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { fetchHostSeries } from '../../api/series';
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
import type { FleetRow } from './fleetRows';

const ROW_HEIGHT = 44;

const COLUMNS = [
  { id: 'name', width: 'auto', numeric: false },
  { id: 'cpu', width: 84, numeric: true },
  { id: 'cpuTrend', width: 130, numeric: false },
  { id: 'memory', width: 84, numeric: true },
  { id: 'filesystem', width: 92, numeric: true },
  { id: 'disk', width: 132, numeric: true },
  { id: 'network', width: 132, numeric: true },
  { id: 'load', width: 96, numeric: true },
  { id: 'pressure', width: 84, numeric: true },
  { id: 'processes', width: 96, numeric: true },
  { id: 'uptime', width: 84, numeric: true },
  { id: 'agent', width: 84, numeric: false },
] as const;

export interface FleetTableProps {
  readonly rows: readonly FleetRow[];
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

export function FleetTable({ rows, sort, onSort }: FleetTableProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const shown = useRowWindow(scroller, rows.length, ROW_HEIGHT);
  const hints: Readonly<Record<string, string>> = text.fleet.hints;
  return (
    <div className={styles.scroller} ref={scroller}>
      <table className={styles.table} aria-label={text.fleet.tableLabel} aria-rowcount={rows.length + 1}>
        <colgroup>
          {COLUMNS.map(({ id, width }) => (
            <col key={id} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {COLUMNS.map(({ id, numeric }) =>
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
          {rows.slice(shown.first, shown.last).map((row, index) => (
            <HostRow key={row.host.id} row={row} index={shown.first + index + 2} />
          ))}
          {shown.after > 0 && <tr aria-hidden="true" style={{ height: shown.after }} />}
        </tbody>
      </table>
      {rows.length === 0 && <p className={styles.none}>{text.fleet.noMatch}</p>}
    </div>
  );
}

const HostRow = memo(function HostRow({
  row,
  index,
}: {
  readonly row: FleetRow;
  readonly index: number;
}): JSX.Element {
  const { host, latest } = row;
  return (
    <tr className={styles.row} data-state={row.state} aria-rowindex={index}>
      <th scope="row" className={styles.host}>
        <Link to={hostPath(host.name)} className={styles.link}>
          <span className={styles.dot} data-state={row.state} role="img" aria-label={text.state[row.state]} />
          {host.name}
        </Link>
        <span className={styles.sub}>{subtitle(row)}</span>
      </th>
      <td>
        <Meter value={row.cpu} label={formatRatio(row.cpu)} />
      </td>
      <td className={styles.trend}>
        <CpuTrend host={host.name} />
      </td>
      <td>
        <Meter value={row.memory} label={formatRatio(row.memory)} />
      </td>
      <td>
        <Meter value={row.filesystem} label={formatRatio(row.filesystem)} warn={0.8} />
      </td>
      <td>
        <Pair
          first={['R', latest?.disk_read_bytes_per_second]}
          second={['W', latest?.disk_write_bytes_per_second]}
        />
      </td>
      <td>
        <Pair
          first={['↓', latest?.net_rx_bytes_per_second]}
          second={['↑', latest?.net_tx_bytes_per_second]}
        />
      </td>
      <td>
        <Meter value={row.load} label={formatNumber(latest?.load1)} warn={1} bad={2} />
      </td>
      <td>
        <Meter value={row.pressure} label={formatRatio(row.pressure)} warn={0.25} bad={0.5} />
      </td>
      <td className={styles.number}>{formatCount(row.processes)}</td>
      <td className={styles.number}>{formatDuration(row.uptime)}</td>
      <td className={styles.agent}>{row.agent ?? ABSENT}</td>
    </tr>
  );
});

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
