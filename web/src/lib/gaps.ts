/** Where charts have no line, and why. */
import type { GapSegment, GapState } from '../api/gaps';
import type { Values } from './plot';
import type { Span } from './range';

/** A stretch without snapshots. */
export interface Gap extends Span {
  /** `unknown`: the server has not told yet. `absent`: what is shown was not there. */
  readonly state: Exclude<GapState, 'delivered' | 'late'> | 'unknown' | 'absent';
  readonly reason: string | null;
  readonly frames: number | null;
}

/**
 * What the server knows of each gap, and the gaps that the charts found where it says nothing: before its
 * answer, and beyond the range of it. Shorter ones than `leastMs` could not be seen.
 */
export function explainGaps(found: readonly Span[], segments: readonly GapSegment[], leastMs: number): Gap[] {
  const known: Gap[] = [];
  for (const { fromMs, toMs, state, reason, frames } of segments) {
    if (state === 'delivered' || state === 'late' || toMs - fromMs < leastMs) continue;
    known.push({ fromMs, toMs, state, reason, frames });
  }
  const first = segments[0]?.fromMs ?? Infinity;
  const last = segments.at(-1)?.toMs ?? -Infinity;
  const outside = found.flatMap((gap): Span[] => [
    { fromMs: gap.fromMs, toMs: Math.min(gap.toMs, first) },
    { fromMs: Math.max(gap.fromMs, Math.min(last, gap.toMs)), toMs: first > last ? gap.fromMs : gap.toMs },
  ]);
  const unknown = outside
    .filter(({ fromMs, toMs }) => toMs - fromMs >= leastMs && toMs > fromMs)
    .map((span): Gap => ({ ...span, state: 'unknown', reason: null, frames: null }));
  return [...known, ...unknown].sort((left, right) => left.fromMs - right.fromMs);
}

/** Takes the bridges out of a line that lead over a gap. */
export function breakAtGaps(
  timeMs: readonly number[],
  bucketMs: number,
  drawn: Values,
  gaps: readonly Span[],
): Values {
  if (gaps.length === 0) return drawn;
  return drawn.map((value, index) => {
    const fromMs = timeMs[index];
    if (value !== undefined || fromMs === undefined) return value;
    return gaps.some((gap) => gap.fromMs < fromMs + bucketMs && gap.toMs > fromMs) ? null : value;
  });
}
