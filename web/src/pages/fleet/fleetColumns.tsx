/** Columns of the fleet's table. */
import type { JSX } from 'react';

import type { Latest } from '../../api/hosts';
import { HostTags } from '../../components/HostTags';
import { Meter } from '../../components/Meter';
import {
  ABSENT,
  formatCelsius,
  formatCount,
  formatDuration,
  formatNumber,
  formatRate,
  formatRatio,
} from '../../lib/format';
import { text } from '../../text';
import { AlertBadge } from './AlertBadge';
import { CpuTrend, GapMark } from './CpuTrend';
import styles from './FleetTable.module.css';
import type { FleetRow } from './fleetRows';

export interface FleetColumn {
  readonly id: keyof typeof text.fleet.columns;
  readonly width: number | 'auto';
  readonly numeric: boolean;
  /** What begins with the worst though it is no number that stands right. */
  readonly descends?: boolean;
  /** Known of rows on the screen only:  nothing can be sorted by it. */
  readonly plain?: boolean;
  readonly cell: (row: FleetRow) => JSX.Element;
}

export const FLEET_COLUMNS: readonly FleetColumn[] = [
  { id: 'alert', width: 92, numeric: false, descends: true, cell: ({ host }) => <AlertBadge host={host} /> },
  {
    id: 'cpu',
    width: 84,
    numeric: true,
    cell: ({ cpu }) => <Meter value={cpu} label={formatRatio(cpu)} />,
  },
  { id: 'cpuTrend', width: 112, numeric: false, plain: true, cell: ({ host }) => <CpuTrend host={host} /> },
  {
    id: 'gap',
    width: 76,
    numeric: false,
    descends: true,
    cell: ({ host }) => <GapMark host={host} absent={ABSENT} />,
  },
  {
    id: 'memory',
    width: 84,
    numeric: true,
    cell: ({ memory }) => <Meter value={memory} label={formatRatio(memory)} />,
  },
  {
    id: 'filesystem',
    width: 96,
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
    width: 72,
    numeric: true,
    cell: ({ load, latest }) => <Meter value={load} label={formatNumber(latest?.load1)} warn={1} bad={2} />,
  },
  {
    id: 'pressure',
    width: 80,
    numeric: true,
    cell: ({ pressure }) => <Meter value={pressure} label={formatRatio(pressure)} warn={0.25} bad={0.5} />,
  },
  {
    id: 'temperature',
    width: 76,
    numeric: true,
    cell: ({ temperature, latest }) => (
      <Temperature degrees={temperature} level={latest?.temperature_level ?? null} />
    ),
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
    width: 112,
    numeric: false,
    cell: ({ host }) => (
      <span className={styles.tags}>
        <HostTags host={host} />
      </span>
    ),
  },
];

/** Taken out until they are asked for: a screen of usual width has no room for all. */
export const HIDDEN_AT_FIRST: readonly string[] = ['processes', 'uptime'];

interface TemperatureProps {
  readonly degrees: number | null;
  readonly level: Latest['temperature_level'];
}

/** The hottest sensor, in the colour of its level. */
export function Temperature({ degrees, level }: TemperatureProps): JSX.Element {
  const isHigh = level === 'note' || level === 'warning';
  return (
    <span className={styles.temperature} data-level={level ?? undefined}>
      {formatCelsius(degrees)}
      {isHigh && <span className="visually-hidden">, {text.fleet.levels[level]}</span>}
    </span>
  );
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
