import {
  type CSSProperties,
  type JSX,
  type MouseEvent,
  type ReactNode,
  memo,
  useEffect,
  useMemo,
  useRef,
} from 'react';

import type { ProcessKey } from '../../api/processes';
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
import { AXIS_WIDTH, chartWidth, gutterWidth, isNarrowPane } from './paneWidth';
import { pickProcess } from './pickProcess';
import { FOLDED_HEIGHT, trackHeights } from './trackHeights';
import { Marks } from './Marks';
import { type Mark, groupMarks } from './marks';
import { type Readout, TrackGutter } from './TrackGutter';
import { TrackPlot } from './TrackPlot';
import { TimeOverlay } from './TimeOverlay';
import type { TimeActions } from './useTimeGestures';
import styles from './Tracks.module.css';
import type { HostSeries } from './useHostSeries';
import type { Track, TrackId, TrackLine } from './trackParts';

export interface TracksProps {
  /** Of the pane, where it is known before it is laid out. */
  readonly height?: number;
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
  readonly marks?: readonly Mark[];
  /** What stands beside a track's name. */
  readonly controls?: Readonly<Partial<Record<TrackId, ReactNode>>>;
  /** A click on the part of a stack that is a process. */
  readonly onProcess?: (process: ProcessKey) => void;
  readonly onChanges?: (() => void) | undefined;
  /** Takes the chart of one reading away. */
  readonly onCloseReading?: () => void;
}

const PIXELS_PER_TICK = 110;

export const Tracks = memo(function Tracks(props: TracksProps): JSX.Element {
  const { ids, span, series, cursor, folded, scheme, onFold, only, onOnly, stats, ghostName } = props;
  const pane = useRef<HTMLDivElement>(null);
  const { width: paneWidth, height: paneHeight } = useSize(pane, {
    width: window.innerWidth,
    height: props.height ?? 0,
  });
  const isNarrow = isNarrowPane(paneWidth);
  const gutter = gutterWidth(paneWidth);
  const width = chartWidth(paneWidth);
  const more = Number(hasLines(series.overlay)) + Number(hasLines(series.ghosts));
  const heights = useMemo(
    () => trackHeights(ids, paneHeight, folded, more, stats),
    [ids, paneHeight, folded, more, stats],
  );
  const ticks = Math.max(2, Math.floor(width / PIXELS_PER_TICK));
  useReportWidth(width, props.onWidth);
  const msPerPixel = (span.toMs - span.fromMs) / Math.max(1, width);
  const marks = useMemo(
    () => groupMarks(props.marks ?? NO_MARKS, span, msPerPixel * MARK_PIXELS),
    [props.marks, span, msPerPixel],
  );
  const { onProcess } = props;
  const onPick =
    onProcess && ((event: MouseEvent, ms: number) => pickProcess(event, ms, series, only, onProcess));
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
              control={props.controls?.[id]}
              onClose={id === 'reading' ? props.onCloseReading : undefined}
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
        <Marks groups={marks} span={span} onPin={props.actions.pin} />
        <TimeAxis span={span} ticks={ticks} />
        <TimeOverlay
          span={span}
          grid={series.grid}
          gaps={series.gaps}
          marks={marks}
          onPick={onPick}
          onChanges={props.onChanges}
          pinMs={props.pinMs}
          selection={props.selection}
          cursor={cursor}
          actions={props.actions}
          onPointerInside={props.onPointerInside}
        />
      </div>
    </div>
  );
});

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
  return { kind: 'index', index: newestIndex(series.grid), newest: true };
}

interface GutterProps extends Pick<TracksProps, 'only' | 'onOnly' | 'stats' | 'ghostName'> {
  readonly control?: ReactNode;
  readonly onClose: (() => void) | undefined;
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
      control={props.control}
      onClose={props.onClose}
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
const NO_MARKS: readonly Mark[] = [];
/** Marks nearer than this would touch. */
const MARK_PIXELS = 16;

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
