import { type CSSProperties, type JSX, memo, useEffect, useMemo, useRef } from 'react';

import type { EntitySeries } from '../../api/series';
import { useSize } from '../../components/useSize';
import type { Span } from '../../lib/range';
import { type Grid, newestIndex, snap } from '../../lib/snap';
import { timeTicks } from '../../lib/time';
import type { ColorScheme } from '../../palette';
import { type CursorStore, useCursor } from '../../state/cursor';
import { text } from '../../text';
import { CoresPlot } from './CoresPlot';
import { type Readout, TrackGutter } from './TrackGutter';
import { TrackPlot } from './TrackPlot';
import { TimeOverlay } from './TimeOverlay';
import type { TimeActions } from './useTimeGestures';
import styles from './Tracks.module.css';
import type { HostSeries } from './useHostSeries';
import { TRACK_IDS, type Track, type TrackId, type TrackLine } from './tracks';

export interface TracksProps {
  readonly span: Span;
  readonly series: HostSeries;
  readonly pinMs: number | null;
  readonly selection: Span | null;
  readonly cursor: CursorStore;
  readonly actions: TimeActions;
  readonly scheme: ColorScheme;
  readonly folded: readonly string[];
  readonly onFold: (id: TrackId) => void;
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
const leastHeight = (id: TrackId, withProcess: boolean): number =>
  (id === 'cpu' ? 67 : 54) + (withProcess ? LEGEND_ROW : 0);
/** CPU has the longest legend and is looked at first. */
const WEIGHTS: Readonly<Partial<Record<TrackId, number>>> = { cpu: 1.25 };
const PIXELS_PER_TICK = 110;

/** Heights of the tracks that are open, so that together they fill the pane or overflow it. */
export function trackHeights(
  pane: number,
  folded: readonly string[],
  withProcess: boolean,
): Readonly<Record<TrackId, number>> {
  const open = TRACK_IDS.filter((id) => !folded.includes(id));
  const weight = open.reduce((sum, id) => sum + (WEIGHTS[id] ?? 1), 0);
  const closed = (TRACK_IDS.length - open.length) * FOLDED_HEIGHT;
  const unit = (pane - TIME_AXIS_HEIGHT - closed) / Math.max(1, weight);
  const heights = TRACK_IDS.map((id) => {
    const height = folded.includes(id)
      ? FOLDED_HEIGHT
      : Math.max(leastHeight(id, withProcess), Math.floor(unit * (WEIGHTS[id] ?? 1)));
    return [id, height] as const;
  });
  return Object.fromEntries(heights) as Record<TrackId, number>;
}

export function Tracks(props: TracksProps): JSX.Element {
  const { span, series, cursor, folded, scheme, onFold } = props;
  const pane = useRef<HTMLDivElement>(null);
  const { width: paneWidth, height: paneHeight } = useSize(pane);
  const isNarrow = paneWidth < NARROW_PANE;
  const gutter = isNarrow ? NARROW_GUTTER_WIDTH : GUTTER_WIDTH;
  const width = Math.max(0, paneWidth - gutter - AXIS_WIDTH);
  const withProcess = Object.keys(series.overlay).length > 0;
  const heights = useMemo(
    () => trackHeights(paneHeight, folded, withProcess),
    [paneHeight, folded, withProcess],
  );
  const ticks = Math.max(2, Math.floor(width / PIXELS_PER_TICK));
  useReportWidth(width, props.onWidth);
  return (
    <div
      className={styles.pane}
      ref={pane}
      role="group"
      aria-label={text.host.charts.label}
      data-narrow={isNarrow || undefined}
      style={{ '--gutter': `${String(gutter)}px` } as CSSProperties}
    >
      <div className={styles.content}>
        {TRACK_IDS.map((id) => (
          <div key={id} className={styles.track} style={{ height: heights[id] }} data-track={id}>
            <Gutter
              {...{ id, series, cursor, onFold }}
              folded={folded.includes(id)}
              readout={restingReadout(props)}
            />
            {!folded.includes(id) && width > 0 && (
              <Plot
                {...{ id, span, width, scheme, ticks }}
                track={series.tracks.find((track) => track.id === id) ?? null}
                overlay={series.overlay[id] ?? NO_LINES}
                grid={series.grid}
                cores={series.cores}
                height={heights[id] - 1}
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

interface GutterProps {
  readonly id: TrackId;
  readonly series: HostSeries;
  readonly cursor: CursorStore;
  readonly readout: Readout;
  readonly folded: boolean;
  readonly onFold: (id: TrackId) => void;
}

/** Follows the pointer; the plot beside it does not. */
function Gutter({ id, series, cursor, readout, folded, onFold }: GutterProps): JSX.Element {
  const { hoverMs, drag } = useCursor(cursor);
  const { grid, tracks, overlay, cores } = series;
  const hovered: Readout | null = drag
    ? { kind: 'span', span: drag }
    : hoverMs === null
      ? null
      : { kind: 'index', index: snap(grid, hoverMs).index };
  return (
    <TrackGutter
      id={id}
      track={tracks.find((track) => track.id === id) ?? null}
      overlay={overlay[id] ?? []}
      cores={cores}
      grid={grid}
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
  const { id, track, overlay, grid, cores, span, width, height, scheme, ticks } = props;
  const lines = useMemo(
    () => (track?.lines ?? NO_LINES).filter((line) => line.drawn.length > 0).concat(overlay),
    [track, overlay],
  );
  if (id === 'cores') return <CoresPlot {...{ cores, span, width, height, scheme }} />;
  if (!track) return null;
  return (
    <TrackPlot
      {...{ span, lines, height, scheme, ticks }}
      timeMs={grid.timeMs}
      bucketMs={grid.bucketMs}
      max={track.max}
      axis={track.axis}
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
