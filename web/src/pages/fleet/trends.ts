/** How busy hosts were of late: one question for all rows that can be seen. */
import { useQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { MOST_NAMED, fetchFleetSeries } from '../../api/fleet';
import type { Reading } from '../../api/hosts';
import { bucketsFor } from '../../lib/buckets';
import { askTogether } from '../../lib/together';

const TREND_MS = 30 * 60_000;
const POINTS = 60;
const REFETCH_MS = 60_000;
/** Rows that are scrolled past are not asked for. */
const WAIT_MS = 100;
/** Addresses stay short enough for any proxy. */
const AT_ONCE = Math.min(100, MOST_NAMED);

interface Trend {
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
