import type { Span } from './range';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const BUCKETS = [
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  20 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  6 * HOUR,
  24 * HOUR,
] as const;

/** A point per this many pixels: finer is not seen, and each one costs. */
const PIXELS_PER_POINT = 1.6;

/** How many buckets a chart so wide is made of, at most. In steps, so that little differences make none. */
export function pointsFor(width: number): number {
  return Math.min(900, Math.max(120, Math.round(width / PIXELS_PER_POINT / 60) * 60));
}

export interface Buckets extends Span {
  readonly bucketMs: number;
  readonly points: number;
}

/**
 * Round buckets that cover `span` with about `most` of them. They begin at multiples of their length, so
 * that a range that follows "now" keeps its buckets and its lines do not wobble. None is shorter than the
 * snapshots are apart (`intervalMs`): a bucket then stands for the snapshot in it.
 */
export function bucketsFor(span: Span, most: number, intervalMs = 0): Buckets {
  const least = Math.max(intervalMs, (span.toMs - span.fromMs) / most);
  const bucketMs = BUCKETS.find((length) => length >= least) ?? 24 * HOUR;
  const fromMs = Math.floor(span.fromMs / bucketMs) * bucketMs;
  const toMs = Math.max(Math.ceil(span.toMs / bucketMs) * bucketMs, fromMs + bucketMs);
  return { bucketMs, fromMs, toMs, points: (toMs - fromMs) / bucketMs };
}

/** The same buckets and as many more before them as hold the last `ms`; none where one bucket is longer than that. */
export function reachingBack<T extends Span & { readonly points: number }>(buckets: T, ms: number): T {
  const { fromMs, toMs, points } = buckets;
  const bucketMs = (toMs - fromMs) / points;
  const more = bucketMs > ms ? 0 : Math.ceil(ms / bucketMs);
  return { ...buckets, fromMs: fromMs - more * bucketMs, points: points + more };
}

/**
 * Buckets of this length hold several snapshots of nearly every host: they are asked for before the interval is known,
 * and again in the seldom case that it is longer.
 */
export const USUALLY_LONGER_MS = MINUTE;
