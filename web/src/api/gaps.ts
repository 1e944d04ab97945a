import type { Span } from '../lib/range';

import { request } from './client';
import { parseTime, writeTime } from './wire';

export type GapState = 'delivered' | 'late' | 'buffered' | 'dropped' | 'none';

/** A stretch of time and what became of its snapshots. */
export interface GapSegment extends Span {
  readonly state: GapState;
  /** Why they were dropped. */
  readonly reason: string | null;
  readonly frames: number | null;
}

interface WireSegment {
  readonly from: string;
  readonly to: string;
  readonly state: GapState;
  readonly reason: string | null;
  readonly frames: number | null;
}

/** The server answers for no more at once. */
export const MOST_GAPS_MS = 35 * 86_400_000;

export const gapsKey = (host: string, span: Span): readonly ['gaps', string, number, number] => [
  'gaps',
  host,
  span.fromMs,
  span.toMs,
];

export async function fetchGaps(host: string, span: Span, signal: AbortSignal): Promise<GapSegment[]> {
  const { segments } = await request<{ segments: WireSegment[] }>(`hosts/${encodeURIComponent(host)}/gaps`, {
    query: { from: writeTime(span.fromMs), to: writeTime(span.toMs) },
    signal,
  });
  return segments.map(({ from, to, state, reason, frames }) => ({
    fromMs: parseTime(from) ?? 0,
    toMs: parseTime(to) ?? 0,
    state,
    reason,
    frames,
  }));
}
