import { Button, NativeSelect, SegmentedControl } from '@mantine/core';
import { type JSX, type MouseEvent, useMemo, useRef, useState } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { type FleetSeries, fetchFleetSeries } from '../../api/fleet';
import { Link } from '../../components/Link';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { useSize } from '../../components/useSize';
import { bucketsFor } from '../../lib/buckets';
import { formatLength } from '../../lib/range';
import { formatInstant, timeTicks } from '../../lib/time';
import type { FleetView } from '../../state/fleetAddress';
import { DEFAULT_VIEW, encodeHostView } from '../../state/hostAddress';
import { hostPath, navigate } from '../../state/router';
import { useScheme } from '../../state/settings';
import { text } from '../../text';
import styles from './FleetHeat.module.css';
import { HeatCanvas } from './HeatCanvas';
import {
  HEAT_READINGS,
  type Heat,
  type HeatCell,
  type HeatReading,
  buildHeat,
  cellAt,
  findReading,
} from './heat';

const HOUR = 3_600_000;
const RANGES = [HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR];
const REFETCH_MS = 30_000;
const POINTS = 120;
const [LEAST_ROW, MOST_ROW] = [5, 26];
const AXIS_HEIGHT = 22;
/** From this height on a row has its host's name beside it. */
const NAMED_ROW = 13;

export interface FleetHeatProps {
  readonly view: FleetView;
  readonly change: (part: Partial<FleetView>) => void;
  /** The hosts that the filter leaves. */
  readonly hosts: ReadonlySet<string>;
}

/** One reading of all hosts over time: what was hot, where and when. */
export function FleetHeat({ view, change, hosts }: FleetHeatProps): JSX.Element {
  const { reading: column, rangeMs } = view;
  const reading = useMemo(() => findReading(column), [column]);
  const series = useQuery({
    queryKey: ['fleet-series', column, rangeMs],
    queryFn: ({ signal }) => {
      const now = serverNow();
      const { fromMs, toMs, points } = bucketsFor({ fromMs: now - rangeMs, toMs: now }, POINTS);
      return fetchFleetSeries({ column, fromMs, toMs, points }, signal);
    },
    placeholderData: keepPreviousData,
    refetchInterval: REFETCH_MS,
  });
  const hottestFirst = view.sort.column === 'heat';
  const heat = useMemo(
    () => (series.data ? buildHeat(series.data, reading, (host) => hosts.has(host), hottestFirst) : null),
    [series.data, reading, hosts, hottestFirst],
  );
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <NativeSelect
          size="xs"
          aria-label={text.fleetHeat.reading}
          value={column}
          onChange={(event) => change({ reading: event.currentTarget.value })}
          data={HEAT_READINGS.map((one) => ({ value: one.column, label: one.label }))}
        />
        <SegmentedControl
          size="xs"
          aria-label={text.fleetHeat.range}
          value={String(rangeMs)}
          onChange={(value) => change({ rangeMs: Number(value) })}
          data={RANGES.map((ms) => ({ value: String(ms), label: text.host.range.length(formatLength(ms)) }))}
        />
        <Button
          size="xs"
          variant={hottestFirst ? 'light' : 'default'}
          aria-pressed={hottestFirst}
          onClick={() => change({ sort: { column: hottestFirst ? 'name' : 'heat', descending: false } })}
        >
          {text.fleetHeat.hottest}
        </Button>
        {heat && <Scale reading={reading} top={heat.top} />}
        <span className={styles.hint}>{text.fleetHeat.hint}</span>
      </div>
      {heat && series.data ? (
        heat.rows.every(({ max }) => max === null) ? (
          <Notice title={text.fleetHeat.empty} />
        ) : (
          <HeatMap heat={heat} series={series.data} reading={reading} />
        )
      ) : series.error ? (
        <ErrorNotice error={series.error} onRetry={() => void series.refetch()} />
      ) : (
        <PageLoading />
      )}
    </div>
  );
}

/** The host at that moment, with some time around it. */
function cellLink({ host, atMs }: HeatCell, bucketMs: number): string {
  const around = Math.max(15 * 60_000, bucketMs * 4);
  const toMs = Math.min(serverNow(), atMs + around);
  const range = { kind: 'fixed' as const, fromMs: atMs - around, toMs };
  return hostPath(host) + encodeHostView({ ...DEFAULT_VIEW, range, pinMs: Math.min(atMs, toMs - 1) });
}

interface HeatMapProps {
  readonly heat: Heat;
  readonly series: FleetSeries;
  readonly reading: HeatReading;
}

function HeatMap({ heat, series, reading }: HeatMapProps): JSX.Element {
  const scheme = useScheme();
  const pane = useRef<HTMLDivElement>(null);
  const map = useRef<HTMLDivElement>(null);
  const { height: paneHeight } = useSize(pane);
  const { width } = useSize(map);
  const [pointed, setPointed] = useState<HeatCell | null>(null);
  const rowHeight = Math.max(
    LEAST_ROW,
    Math.min(MOST_ROW, Math.floor((paneHeight - AXIS_HEIGHT) / Math.max(1, heat.rows.length))),
  );
  const height = rowHeight * heat.rows.length;
  const cellOf = (event: MouseEvent): HeatCell | null => {
    const box = event.currentTarget.getBoundingClientRect();
    return cellAt(
      heat,
      series,
      (event.clientX - box.left) / box.width,
      (event.clientY - box.top) / box.height,
    );
  };
  const fromMs = series.timeMs[0] ?? 0;
  const lengthMs = series.timeMs.length * series.bucketMs;
  const describe = (cell: HeatCell): string =>
    `${text.fleetHeat.open(cell.host, formatInstant(cell.atMs, serverNow()))} · ${reading.format(cell.value)}`;
  return (
    <>
      <p className={styles.readout} aria-live="off">
        {pointed ? describe(pointed) : '\u00a0'}
      </p>
      <div className={styles.pane} ref={pane}>
        <div className={styles.grid} style={{ height }}>
          {rowHeight >= NAMED_ROW && (
            <div className={styles.names}>
              {heat.rows.map(({ host }) => (
                <Link key={host} to={hostPath(host)} className={styles.name} title={host}>
                  <span style={{ lineHeight: `${String(rowHeight)}px` }}>{host}</span>
                </Link>
              ))}
            </div>
          )}
          {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- the list below has the same by keyboard */}
          <div
            className={styles.map}
            ref={map}
            role="img"
            aria-label={text.fleetHeat.label(reading.label)}
            onMouseMove={(event) => setPointed(cellOf(event))}
            onMouseLeave={() => setPointed(null)}
            onClick={(event) => {
              const cell = cellOf(event);
              if (cell) navigate(cellLink(cell, series.bucketMs));
            }}
          >
            <HeatCanvas heat={heat} width={width} height={height} scheme={scheme} />
          </div>
        </div>
        <div className={styles.axis} data-named={rowHeight >= NAMED_ROW || undefined} aria-hidden="true">
          {timeTicks(fromMs, fromMs + lengthMs, Math.max(2, Math.floor(width / 110)))
            .map((tick) => ({ ...tick, left: ((tick.ms - fromMs) / lengthMs) * 100 }))
            .filter(({ left }) => left > 2 && left < 98)
            .map(({ ms, label, left }) => (
              <span key={ms} style={{ left: `${String(left)}%` }}>
                {label}
              </span>
            ))}
        </div>
      </div>
      <section className={styles.hottest} aria-label={text.fleetHeat.hottest}>
        {heat.hottest.map((cell) => (
          <Link key={cell.host} to={cellLink(cell, series.bucketMs)} className={styles.hot}>
            {describe(cell)}
          </Link>
        ))}
        {series.hostsTotal > series.hosts.length && (
          <span className={styles.hint}>{text.fleetHeat.cut(series.hosts.length, series.hostsTotal)}</span>
        )}
      </section>
    </>
  );
}

function Scale({ reading, top }: { readonly reading: HeatReading; readonly top: number }): JSX.Element {
  return (
    <span className={styles.scale}>
      {reading.format(0)}
      <span className={styles.gradient} aria-hidden="true" />
      {reading.format(top)}
    </span>
  );
}
