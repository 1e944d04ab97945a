/** How busy hosts were of late: one question for all rows that can be seen. */
import { useQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { MOST_NAMED, fetchFleetSeries } from '../../api/fleet';
import type { Host, Reading } from '../../api/hosts';
import { bucketsFor } from '../../lib/buckets';
import { findGaps } from '../../lib/plot';
import type { Span } from '../../lib/range';
import { askTogether } from '../../lib/together';

export const TREND_MS = 30 * 60_000;
const POINTS = 60;
const REFETCH_MS = 60_000;
/** Rows that are scrolled past are not asked for. */
const WAIT_MS = 100;
/** Addresses stay short enough for any proxy. */
const AT_ONCE = Math.min(100, MOST_NAMED);

export interface Trend {
  readonly timeMs: readonly number[];
  readonly bucketMs: number;
  readonly values: readonly Reading[];
}

const trends = askTogether<Trend>(
  async (hosts) => {
    const now = serverNow();
    const buckets = bucketsFor({ fromMs: now - TREND_MS, toMs: now }, POINTS);
    const answer = await fetchFleetSeries({ ...buckets, column: 'cpu_used_ratio', hosts });
    const { timeMs, bucketMs } = answer;
    return new Map(answer.hosts.map(({ hostId, values }) => [hostId, { timeMs, bucketMs, values }]));
  },
  { waitMs: WAIT_MS, most: AT_ONCE },
);

export function useTrend(hostId: string): Trend | undefined {
  const { data } = useQuery({
    queryKey: ['trend', hostId],
    queryFn: ({ signal }) => trends.ask(hostId, signal),
    staleTime: REFETCH_MS / 2,
    refetchInterval: REFETCH_MS,
    // Of a host that was removed in this moment.
    retry: false,
  });
  return data;
}

/** Where nothing was recorded between the host's first and last sign of life. Its newest minute may still be under way. */
export function trendGaps({ timeMs, bucketMs, values }: Trend, host: Host): readonly Span[] {
  const [first, last] = [timeMs[0], timeMs.at(-1)];
  if (first === undefined || last === undefined || host.lastSeenMs === null) return [];
  const fromMs = Math.max(first, host.createdMs ?? first);
  const toMs = Math.min(last + bucketMs, host.lastSeenMs);
  return toMs <= fromMs ? [] : findGaps(timeMs, values, bucketMs, { fromMs, toMs });
}

export const totalMs = (spans: readonly Span[]): number =>
  spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
