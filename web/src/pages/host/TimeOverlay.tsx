import { type JSX, type MouseEvent, useRef } from 'react';

import { formatClock, formatDateTime } from '../../lib/time';
import { formatDuration } from '../../lib/format';
import type { Gap } from '../../lib/gaps';
import type { Span } from '../../lib/range';
import { type Grid, snap } from '../../lib/snap';
import type { MarkGroup } from './marks';
import { type CursorStore, useCursor } from '../../state/cursor';
import { text } from '../../text';
import styles from './TimeOverlay.module.css';
import { type TimeActions, useGestures, useWheel } from './useTimeGestures';

export interface TimeOverlayProps {
  readonly span: Span;
  /** Of the plots, in pixels. */
  readonly width: number;
  readonly grid: Grid;
  readonly gaps: readonly Gap[];
  readonly marks: readonly MarkGroup[];
  readonly pinMs: number | null;
  readonly selection: Span | null;
  readonly cursor: CursorStore;
  readonly actions: TimeActions;
  readonly onPointerInside: (inside: boolean) => void;
  /** Told where the charts were clicked. */
  readonly onPick?: ((event: MouseEvent, ms: number) => void) | undefined;
  /** Asks what changed in the selection; absent where nothing answers that. */
  readonly onChanges?: (() => void) | undefined;
}

const percent = (span: Span, ms: number): number => ((ms - span.fromMs) / (span.toMs - span.fromMs)) * 100;

/**
 * Lies over all tracks: one crosshair, one selection, one set of gestures. It is a slider over time for
 * those who do not use a pointer; the page's keys move it.
 */
export function TimeOverlay(props: TimeOverlayProps): JSX.Element {
  const { span, grid, gaps, marks, pinMs, selection, cursor, actions } = props;
  const element = useRef<HTMLDivElement>(null);
  const handlers = useGestures(props, element);
  useWheel(element, span, actions);
  const shownMs = pinMs ?? selection?.toMs ?? span.toMs;
  return (
    <>
      <div
        ref={element}
        className={styles.overlay}
        role="slider"
        tabIndex={0}
        aria-label={text.host.charts.cursor}
        aria-valuemin={span.fromMs}
        aria-valuemax={span.toMs}
        aria-valuenow={Math.min(span.toMs, Math.max(span.fromMs, shownMs))}
        aria-valuetext={formatDateTime(shownMs)}
        {...handlers}
      >
        {gaps.map((gap) => (
          <Band key={gap.fromMs} span={span} band={gap} className={styles.gap} title={gapTitle(gap)} />
        ))}
        {marks.map(({ atMs, kind }) => (
          <div
            key={atMs}
            className={styles.mark}
            data-kind={kind}
            style={{ left: `${String(percent(span, atMs))}%` }}
          />
        ))}
        {selection && <Band span={span} band={selection} className={styles.selection} />}
        {pinMs !== null && <Marker span={span} grid={grid} ms={pinMs} className={styles.pin} />}
        <Moving span={span} grid={grid} width={props.width} cursor={cursor} />
      </div>
      {selection && <SelectionButtons {...{ span, selection, actions }} onChanges={props.onChanges} />}
    </>
  );
}

/** Why there is no line, for how long, and how many snapshots it is about. */
function gapTitle(gap: Gap): string {
  const words = text.host.charts.gaps;
  const length = formatDuration((gap.toMs - gap.fromMs) / 1000);
  const frames = gap.frames === null ? null : words.frames(gap.frames);
  const reason = gap.reason === null ? null : (words.reasons[gap.reason] ?? null);
  return [words[gap.state], reason, length, frames].filter((part) => part !== null).join(' · ');
}

interface BandProps {
  readonly span: Span;
  readonly band: Span;
  readonly className: string | undefined;
  readonly title?: string;
}

function Band({ span, band, className, title }: BandProps): JSX.Element | null {
  const left = Math.max(0, percent(span, band.fromMs));
  const right = Math.min(100, percent(span, band.toMs));
  if (right <= left) return null;
  return (
    <div
      className={className}
      title={title}
      style={{ left: `${String(left)}%`, width: `${String(right - left)}%` }}
    />
  );
}

/** Where the label of a line has room; in the middle of it where it has on both sides. */
const sideOf = (left: number): 'left' | 'right' | undefined =>
  left > 92 ? 'left' : left < 8 ? 'right' : undefined;

interface MarkerProps {
  readonly span: Span;
  readonly grid: Grid;
  readonly ms: number;
  readonly className: string | undefined;
}

function Marker({ span, grid, ms, className }: MarkerProps): JSX.Element | null {
  const { drawnMs } = snap(grid, ms);
  const left = percent(span, drawnMs);
  if (left < 0 || left > 100) return null;
  return (
    <div className={className} style={{ left: `${String(left)}%` }}>
      <span className={styles.time} data-side={sideOf(left)}>
        {formatClock(ms)}
      </span>
    </div>
  );
}

/** Moves on a layer of its own, by whole pixels: nothing below it is laid out or painted again. */
function Crosshair({
  span,
  grid,
  ms,
  width,
}: Omit<MarkerProps, 'className'> & MovingWidth): JSX.Element | null {
  const left = percent(span, snap(grid, ms).drawnMs);
  if (left < 0 || left > 100) return null;
  const x = Math.round((left / 100) * width);
  return (
    <div className={styles.crosshair} style={{ transform: `translateX(${String(x)}px)` }}>
      <span className={styles.time} data-side={sideOf(left)}>
        {formatClock(ms)}
      </span>
    </div>
  );
}

interface MovingWidth {
  readonly width: number;
}

interface MovingProps extends MovingWidth {
  readonly span: Span;
  readonly grid: Grid;
  readonly cursor: CursorStore;
}

/** All that moves with the pointer, so that nothing else renders with it. */
function Moving(props: MovingProps): JSX.Element {
  const { span, grid, width, cursor } = props;
  const { hoverMs, drag } = useCursor(cursor);
  return (
    <>
      {drag && <Band span={span} band={drag} className={styles.selection} />}
      {drag && (
        <span
          className={styles.length}
          style={{ marginLeft: `${String(percent(span, (drag.fromMs + drag.toMs) / 2))}%` }}
        >
          {formatDuration((drag.toMs - drag.fromMs) / 1000)}
        </span>
      )}
      {hoverMs !== null && <Crosshair span={span} grid={grid} ms={hoverMs} width={width} />}
    </>
  );
}

interface SelectionButtonsProps {
  readonly span: Span;
  readonly selection: Span;
  readonly actions: TimeActions;
  readonly onChanges: (() => void) | undefined;
}

function SelectionButtons({
  span,
  selection,
  actions,
  onChanges,
}: SelectionButtonsProps): JSX.Element | null {
  const middle = percent(span, (selection.fromMs + selection.toMs) / 2);
  if (middle < 0 || middle > 100) return null;
  const left = Math.min(90, Math.max(10, middle));
  return (
    <div className={styles.layer}>
      <div
        className={styles.buttons}
        role="group"
        aria-label={text.host.charts.selection}
        style={{ marginLeft: `${String(left)}%` }}
      >
        <button type="button" onClick={() => actions.zoomTo(selection)}>
          {text.host.charts.selectionZoom}
        </button>
        {onChanges && (
          <button type="button" onClick={onChanges}>
            {text.changes.title}
          </button>
        )}
        <button type="button" onClick={() => actions.select(null)}>
          {text.host.charts.selectionClear}
        </button>
      </div>
    </div>
  );
}
