import { useQuery } from '@tanstack/react-query';

import { fetchSnapshotTimes } from '../../api/series';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * Buckets of this length hold several snapshots of nearly every host: they are asked for before the interval is known,
 * and again in the seldom case that it is longer.
 */
export const USUALLY_LONGER_MS = MINUTE;

/** What agents do unless told otherwise. */
const DEFAULT_MS = 5000;
const REACHES_MS = [5 * MINUTE, 3 * HOUR];
/** An agent's clock does not tick to the millisecond. */
const JITTER_MS = 250;

/** How far apart the snapshots of a host usually are around `atMs`. Null until it is known. */
export function useInterval(host: string, atMs: number): number | null {
  // Settings change seldom: one question per host and hour of history.
  const hour = Math.ceil(atMs / HOUR);
  const interval = useQuery({
    queryKey: ['interval', host, hour],
    queryFn: async ({ signal }) => {
      for (const reach of REACHES_MS) {
        const times = await fetchSnapshotTimes(host, { fromMs: atMs - reach, toMs: atMs }, signal);
        if (times.length > 2) return intervalOf(times);
      }
      return DEFAULT_MS;
    },
    staleTime: Infinity,
  });
  return interval.data ?? (interval.isError ? DEFAULT_MS : null);
}

/** The median distance, rounded to whole seconds where it is nearly that. */
export function intervalOf(times: readonly number[]): number {
  const distances = times.slice(1).map((ms, index) => ms - (times[index] ?? ms));
  distances.sort((left, right) => left - right);
  const median = distances[Math.floor(distances.length / 2)] ?? DEFAULT_MS;
  const whole = Math.max(1000, Math.round(median / 1000) * 1000);
  return Math.abs(whole - median) <= JITTER_MS ? whole : median;
}
