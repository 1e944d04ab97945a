/** How far apart the snapshots of a host are. */
import { fetchSnapshotTimes } from './series';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What agents do unless told otherwise. */
export const DEFAULT_INTERVAL_MS = 5000;
const REACHES_MS = [5 * MINUTE, 3 * HOUR];
/** An agent's clock does not tick to the millisecond. */
const JITTER_MS = 250;

/** Settings change seldom: one question per host and hour of history. */
export const intervalKey = (host: string, atMs: number): readonly [string, string, number] => [
  'interval',
  host,
  Math.ceil(atMs / HOUR),
];

/** How far apart the snapshots of a host usually are around `atMs`. */
export async function fetchInterval(host: string, atMs: number, signal: AbortSignal): Promise<number> {
  // Whole minutes: asked twice within one, it is the same question.
  const toMs = Math.ceil(atMs / MINUTE) * MINUTE;
  for (const reach of REACHES_MS) {
    const times = await fetchSnapshotTimes(host, { fromMs: toMs - reach, toMs }, signal);
    if (times.length > 2) return intervalOf(times);
  }
  return DEFAULT_INTERVAL_MS;
}

/** The median distance, rounded to whole seconds where it is nearly that. */
export function intervalOf(times: readonly number[]): number {
  const distances = times.slice(1).map((ms, index) => ms - (times[index] ?? ms));
  distances.sort((left, right) => left - right);
  const median = distances[Math.floor(distances.length / 2)] ?? DEFAULT_INTERVAL_MS;
  const whole = Math.max(1000, Math.round(median / 1000) * 1000);
  return Math.abs(whole - median) <= JITTER_MS ? whole : median;
}
