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
import { useSize } from '../../components/useSize';
import type { Span } from '../../lib/range';
import { type Grid, newestIndex, snap } from '../../lib/snap';
import { timeTicks } from '../../lib/time';
import type { ColorScheme } from '../../palette';
import type { CursorStore } from '../../state/cursor';
import { text } from '../../text';
import { chartWidth, gutterWidth, isNarrowPane } from './paneWidth';
import { pickProcess } from './pickProcess';
import { BESIDE_SECTIONS, FOLDED_HEIGHT, STRIP_HEIGHT, trackHeights } from './trackHeights';
import { Marks } from './Marks';
import { type Mark, groupMarks } from './marks';
import type { Readout } from './TrackGutter';
import { type RowShared, TrackRow } from './TrackRow';
import { TimeOverlay } from './TimeOverlay';
import type { TimeActions } from './useTimeGestures';
import styles from './Tracks.module.css';
import type { HostSeries } from './useHostSeries';
import type { TrackId, TrackLine } from './trackParts';

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
  /** More tracks below these. */
  readonly below?: (row: RowShared) => ReactNode;
  /** There are tracks below, and not only their names. */
  readonly isBelowOpen?: boolean;
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
  const room = paneHeight - (props.below ? STRIP_HEIGHT : 0);
  const most = props.isBelowOpen ? BESIDE_SECTIONS : Infinity;
  const heights = useMemo(
    () => trackHeights(ids, room, folded, more, stats, most),
    [ids, room, folded, more, stats, most],
  );
  const ticks = Math.max(2, Math.floor(width / PIXELS_PER_TICK));
  useReportWidth(width, props.onWidth);
  const msPerPixel = (span.toMs - span.fromMs) / Math.max(1, width);
  const marks = useMemo(
    () => groupMarks(props.marks ?? NO_MARKS, span, msPerPixel * MARK_PIXELS),
    [props.marks, span, msPerPixel],
  );
  const { pinMs, selection } = props;
  const { grid, gaps } = series;
  const readout = useMemo(() => restingReadout(grid, pinMs, selection), [grid, pinMs, selection]);
  const row = useMemo(
    (): RowShared => ({
      span,
      grid,
      gaps,
      cursor,
      readout,
      width,
      ticks,
      scheme,
      folded,
      onFold,
      only,
      onOnly,
      stats,
      ghostName,
    }),
    [span, grid, gaps, cursor, readout, width, ticks, scheme, folded, onFold, only, onOnly, stats, ghostName],
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
          <TrackRow
            key={id}
            {...{ id, row }}
            track={series.tracks.find((track) => track.id === id) ?? null}
            overlay={series.overlay[id] ?? NO_LINES}
            ghosts={series.ghosts[id] ?? NO_LINES}
            cores={series.cores}
            height={heights[id] ?? FOLDED_HEIGHT}
            control={props.controls?.[id]}
            onClose={id === 'reading' ? props.onCloseReading : undefined}
          />
        ))}
        {props.below?.(row)}
        <div className={styles.rest} />
        <Marks groups={marks} span={span} onPin={props.actions.pin} />
        <TimeAxis span={span} ticks={ticks} />
        <TimeOverlay
          span={span}
          width={width}
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
function restingReadout(grid: Grid, pinMs: number | null, selection: Span | null): Readout {
  if (selection) return { kind: 'span', span: selection };
  if (pinMs !== null) return { kind: 'index', index: snap(grid, pinMs).index };
  return { kind: 'index', index: newestIndex(grid), newest: true };
}

const NO_LINES: readonly TrackLine[] = [];
const NO_MARKS: readonly Mark[] = [];
/** Marks nearer than this would touch. */
const MARK_PIXELS = 16;

/** Labels closer to an end than this, in percent, would be cut off. */
const AXIS_MARGIN = 1.8;

function TimeAxis({ span, ticks }: { readonly span: Span; readonly ticks: number }): JSX.Element {
  const length = span.toMs - span.fromMs;
  const labels = timeTicks(span.fromMs, span.toMs, ticks)
    .map((tick) => ({ ...tick, left: ((tick.ms - span.fromMs) / length) * 100 }))
    .filter(({ left }) => left > AXIS_MARGIN && left < 100 - AXIS_MARGIN);
  return (
    <div className={styles.axis} aria-hidden="true">
      <div>
        {labels.map(({ ms, major, label, left }) => (
          <span key={ms} data-major={major || undefined} style={{ left: `${String(left)}%` }}>
            {label}
          </span>
        ))}
      </div>
    </div>
  );
}
