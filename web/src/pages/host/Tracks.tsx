import { type CSSProperties, type JSX, memo, useEffect, useMemo, useRef } from 'react';

import type { EntitySeries } from '../../api/series';
import { useSize } from '../../components/useSize';
import type { Span } from '../../lib/range';
import { maxOf } from '../../lib/plot';
import { type Grid, newestIndex, snap } from '../../lib/snap';
import { timeTicks } from '../../lib/time';
import type { ColorScheme } from '../../palette';
import { type CursorStore, useCursor } from '../../state/cursor';
import { text } from '../../text';
import { CoresPlot } from './CoresPlot';
import { isolate } from './isolate';
import { type Readout, TrackGutter } from './TrackGutter';
import { TrackPlot } from './TrackPlot';
import { TimeOverlay } from './TimeOverlay';
import type { TimeActions } from './useTimeGestures';
import styles from './Tracks.module.css';
import type { HostSeries } from './useHostSeries';
import type { Track, TrackId, TrackLine } from './trackParts';

export interface TracksProps {
  /** Which tracks there are, from the top. */
  readonly ids: readonly TrackId[];
  readonly span: Span;
  readonly series: HostSeries;
  readonly pinMs: number | null;
  readonly selection: Span | null;
  readonly cursor: CursorStore;
  readonly actions: TimeActions;
  readonly scheme: ColorScheme;
  readonly folded: readonly string[];
  readonly onFold: (id: TrackId) => void;
  readonly only: readonly string[];
  readonly onOnly: (name: string, more: boolean) => void;
  readonly stats: boolean;
  /** What the lines of an earlier time are called. */
  readonly ghostName: string;
  readonly onWidth: (width: number) => void;
  readonly onPointerInside: (inside: boolean) => void;
}

export const GUTTER_WIDTH = 236;
/** On a narrow screen a track has its name and main reading only. */
export const NARROW_GUTTER_WIDTH = 108;
const NARROW_PANE = 720;
export const AXIS_WIDTH = 64;
const TIME_AXIS_HEIGHT = 24;
const FOLDED_HEIGHT = 26;
/** What a legend needs, without and with the row of a process. */
const LEGEND_ROW = 14;
const HEAD_HEIGHT = 26;
/** Rows of a legend: CPU has the longest. */
const LEGEND_ROWS: Readonly<Partial<Record<TrackId, number>>> = { cpu: 3 };
const STATS_ROWS: Readonly<Partial<Record<TrackId, number>>> = { cpu: 5, pressure: 3, memory: 3, load: 3 };
/** What comes and goes both ways has two lines of each kind, and there a row for each. */
const BOTH_WAYS: ReadonlySet<TrackId> = new Set(['disk', 'network']);
const leastHeight = (id: TrackId, more: number, stats: boolean): number => {
  const rows = (stats ? STATS_ROWS : LEGEND_ROWS)[id] ?? 2;
  return HEAD_HEIGHT + LEGEND_ROW * (rows + more * (stats && BOTH_WAYS.has(id) ? 2 : 1));
};
/** CPU is looked at first. */
const WEIGHTS: Readonly<Partial<Record<TrackId, number>>> = { cpu: 1.25 };
const PIXELS_PER_TICK = 110;

/** Heights of the tracks that are open, so that together they fill the pane or overflow it. */
export function trackHeights(
  ids: readonly TrackId[],
  pane: number,
  folded: readonly string[],
  more: number,
  stats: boolean,
): Readonly<Partial<Record<TrackId, number>>> {
  const open = ids.filter((id) => !folded.includes(id));
  const weight = open.reduce((sum, id) => sum + (WEIGHTS[id] ?? 1), 0);
  const closed = (ids.length - open.length) * FOLDED_HEIGHT;
  const unit = (pane - TIME_AXIS_HEIGHT - closed) / Math.max(1, weight);
  const heights = ids.map((id) => {
    const height = folded.includes(id)
      ? FOLDED_HEIGHT
      : Math.max(leastHeight(id, more, stats), Math.floor(unit * (WEIGHTS[id] ?? 1)));
    return [id, height] as const;
  });
  return Object.fromEntries(heights);
}

export function Tracks(props: TracksProps): JSX.Element {
  const { ids, span, series, cursor, folded, scheme, onFold, only, onOnly, stats, ghostName } = props;
  const pane = useRef<HTMLDivElement>(null);
  const { width: paneWidth, height: paneHeight } = useSize(pane);
  const isNarrow = paneWidth < NARROW_PANE;
  const gutter = isNarrow ? NARROW_GUTTER_WIDTH : GUTTER_WIDTH;
  const width = Math.max(0, paneWidth - gutter - AXIS_WIDTH);
  const more = Number(hasLines(series.overlay)) + Number(hasLines(series.ghosts));
  const heights = useMemo(
    () => trackHeights(ids, paneHeight, folded, more, stats),
    [ids, paneHeight, folded, more, stats],
  );
  const ticks = Math.max(2, Math.floor(width / PIXELS_PER_TICK));
  useReportWidth(width, props.onWidth);
  return (
    <div
      className={styles.pane}
      ref={pane}
      role="group"
      aria-label={text.host.charts.label}
      data-charts
      data-narrow={isNarrow || undefined}
      style={{ '--gutter': `${String(gutter)}px` } as CSSProperties}
    >
      <div className={styles.content}>
        {ids.map((id) => (
          <div key={id} className={styles.track} style={{ height: heights[id] }} data-track={id}>
            <Gutter
              {...{ id, series, cursor, onFold, only, onOnly, stats, ghostName }}
              folded={folded.includes(id)}
              readout={restingReadout(props)}
            />
            {!folded.includes(id) && width > 0 && (
              <Plot
                {...{ id, span, width, scheme, ticks, only }}
                track={series.tracks.find((track) => track.id === id) ?? null}
                overlay={series.overlay[id] ?? NO_LINES}
                ghosts={series.ghosts[id] ?? NO_LINES}
                gaps={series.gaps}
                grid={series.grid}
                cores={series.cores}
                height={(heights[id] ?? FOLDED_HEIGHT) - 1}
              />
            )}
          </div>
        ))}
        <TimeAxis span={span} ticks={ticks} />
        <TimeOverlay
          span={span}
          grid={series.grid}
          gaps={series.gaps}
          pinMs={props.pinMs}
          selection={props.selection}
          cursor={cursor}
          actions={props.actions}
          onPointerInside={props.onPointerInside}
        />
      </div>
    </div>
  );
}

const hasLines = (lines: HostSeries['overlay']): boolean =>
  Object.values(lines).some((ofTrack) => ofTrack.length > 0);

function useReportWidth(width: number, report: (width: number) => void): void {
  useEffect(() => {
    if (width > 0) report(width);
  }, [width, report]);
}

/** What the numbers are of while the pointer is elsewhere. */
function restingReadout({ series, pinMs, selection }: TracksProps): Readout {
  if (selection) return { kind: 'span', span: selection };
  if (pinMs !== null) return { kind: 'index', index: snap(series.grid, pinMs).index };
  return { kind: 'index', index: newestIndex(series.grid) };
}

interface GutterProps extends Pick<TracksProps, 'only' | 'onOnly' | 'stats' | 'ghostName'> {
  readonly id: TrackId;
  readonly series: HostSeries;
  readonly cursor: CursorStore;
  readonly readout: Readout;
  readonly folded: boolean;
  readonly onFold: (id: TrackId) => void;
}

/** Follows the pointer; the plot beside it does not. */
function Gutter(props: GutterProps): JSX.Element {
  const { id, series, cursor, readout, folded, onFold, only, onOnly, stats, ghostName } = props;
  const { hoverMs, drag } = useCursor(cursor);
  const { grid, tracks, overlay, ghosts, cores } = series;
  const hovered: Readout | null = drag
    ? { kind: 'span', span: drag }
    : hoverMs === null
      ? null
      : { kind: 'index', index: snap(grid, hoverMs).index };
  return (
    <TrackGutter
      id={id}
      track={tracks.find((track) => track.id === id) ?? null}
      overlay={overlay[id] ?? NO_LINES}
      ghosts={ghosts[id] ?? NO_LINES}
      {...{ cores, grid, only, onOnly, stats, ghostName }}
      readout={hovered ?? readout}
      folded={folded}
      onFold={() => onFold(id)}
    />
  );
}

interface PlotProps {
  readonly id: TrackId;
  readonly track: Track | null;
  readonly overlay: readonly TrackLine[];
  readonly ghosts: readonly TrackLine[];
  readonly gaps: readonly Span[];
  readonly only: readonly string[];
  readonly grid: Grid;
  readonly cores: readonly EntitySeries[];
  readonly span: Span;
  readonly width: number;
  readonly height: number;
  readonly scheme: ColorScheme;
  readonly ticks: number;
}

const NO_LINES: readonly TrackLine[] = [];

const Plot = memo(function Plot(props: PlotProps): JSX.Element | null {
  const { id, track, overlay, ghosts, only, gaps, grid, cores, span, width, height, scheme, ticks } = props;
  const shown = useMemo(() => track && isolate(track, only, grid, gaps), [track, only, grid, gaps]);
  const lines = useMemo(
    () => (shown?.lines ?? NO_LINES).filter((line) => line.drawn.length > 0).concat(ghosts, overlay),
    [shown, ghosts, overlay],
  );
  if (id === 'cores') return <CoresPlot {...{ cores, span, width, height, scheme }} />;
  if (!shown) return null;
  const ghostMax = maxOf(ghosts.map((ghost) => ghost.drawn));
  return (
    <TrackPlot
      {...{ span, lines, height, scheme, ticks }}
      timeMs={grid.timeMs}
      bucketMs={grid.bucketMs}
      max={ghostMax > shown.max ? shown.fit(ghostMax) : shown.max}
      axis={shown.axis}
      width={width + AXIS_WIDTH}
    />
  );
});

/** Labels closer to an end than this, in percent, would be cut off. */
const AXIS_MARGIN = 1.8;

function TimeAxis({ span, ticks }: { readonly span: Span; readonly ticks: number }): JSX.Element {
  const length = span.toMs - span.fromMs;
  const labels = timeTicks(span.fromMs, span.toMs, ticks)
    .map((tick) => ({ ...tick, left: ((tick.ms - span.fromMs) / length) * 100 }))
    .filter(({ left }) => left > AXIS_MARGIN && left < 100 - AXIS_MARGIN);
  return (
    <div className={styles.axis} aria-hidden="true">
      {labels.map(({ ms, major, label, left }) => (
        <span key={ms} data-major={major || undefined} style={{ left: `${String(left)}%` }}>
          {label}
        </span>
      ))}
    </div>
  );
}
