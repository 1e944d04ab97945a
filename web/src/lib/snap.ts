import type { Span } from './range';
import { type Values, bucketAt, filledBucketNear, usualSpacing } from './plot';

/** Where the pointer snaps to: the nearest bucket that holds a snapshot. */
export interface Snapped {
  /** Asked of the history: the end of the bucket, so that its newest snapshot is the one shown. */
  readonly atMs: number;
  /** Where the crosshair is drawn: where the bucket's point is. */
  readonly drawnMs: number;
  /** -1 in a gap. */
  readonly index: number;
}

export interface Grid {
  readonly timeMs: readonly number[];
  readonly bucketMs: number;
  /** A column that every snapshot has. */
  readonly filled: Values;
  readonly spacingMs: number;
}

export function makeGrid(timeMs: readonly number[], filled: Values, bucketMs: number): Grid {
  return { timeMs, bucketMs, filled, spacingMs: usualSpacing(timeMs, filled, bucketMs) };
}

export const EMPTY_GRID: Grid = { timeMs: [], bucketMs: 1, filled: [], spacingMs: 1 };

export function snap(grid: Grid, ms: number): Snapped {
  const nearest = bucketAt(grid.timeMs, grid.bucketMs, ms);
  const reach = Math.ceil(grid.spacingMs / grid.bucketMs);
  const index = nearest < 0 ? -1 : filledBucketNear(grid.filled, nearest, reach);
  const start = grid.timeMs[index];
  if (start === undefined) return { atMs: Math.round(ms), drawnMs: ms, index: -1 };
  return { atMs: start + grid.bucketMs - 1, drawnMs: start + grid.bucketMs / 2, index };
}

/** The newest bucket that holds something; -1 when none does. */
export function newestIndex(grid: Grid): number {
  return grid.filled.findLastIndex((value) => value != null);
}

/** A dragged range, widened to whole buckets. */
export function snapSpan(grid: Grid, span: Span): Span {
  const { bucketMs, timeMs } = grid;
  const origin = timeMs[0] ?? 0;
  const down = (ms: number): number => origin + Math.floor((ms - origin) / bucketMs) * bucketMs;
  return {
    fromMs: down(span.fromMs),
    toMs: Math.max(down(span.toMs) + bucketMs, down(span.fromMs) + bucketMs),
  };
}

/** The mean of `values` over the buckets within `span`; null when there is none. */
export function meanOver(grid: Grid, values: Values, span: Span): number | null {
  let total = 0;
  let count = 0;
  grid.timeMs.forEach((ms, index) => {
    const value = values[index];
    if (value == null || ms < span.fromMs || ms >= span.toMs) return;
    total += value;
    count += 1;
  });
  return count === 0 ? null : total / count;
}
