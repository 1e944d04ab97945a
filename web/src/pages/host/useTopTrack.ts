import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';

import type { ProcessKey, Resource } from '../../api/processes';
import { type Series, type SeriesQuery, seriesKey } from '../../api/series';
import { type TopSeries, fetchTopSeries } from '../../api/top';
import { giveColors, useColorBook } from '../../state/processColors';
import { TOP_PROCESSES, buildTopTrack, namedOf } from './topTrack';
import type { Track } from './trackParts';

export interface TopTrackInput {
  readonly query: SeriesQuery;
  readonly by: Resource;
  readonly enabled: boolean;
  readonly refetchInterval: number | false;
  /** Series of the host, whose buckets all charts have. */
  readonly host: Series | undefined;
  readonly pageOf: (key: ProcessKey) => string;
}

/** Ranking all processes costs more than reading one series: the newest ones may come a little later. */
const SLOWER = 2;

export function useTopTrack(input: TopTrackInput): {
  readonly track: Track | null;
  readonly top: TopSeries | null;
} {
  const { query, by, enabled, refetchInterval, host, pageOf } = input;
  const found = useQuery({
    queryKey: [...seriesKey('top', query), by],
    queryFn: ({ signal }) => fetchTopSeries({ ...query, by, limit: TOP_PROCESSES }, signal),
    enabled,
    placeholderData: keepPreviousData,
    staleTime: refetchInterval === false ? 60_000 : 1000,
    gcTime: 60_000,
    refetchInterval: refetchInterval === false ? false : refetchInterval * SLOWER,
  });
  const top = enabled ? (found.data ?? null) : null;
  useEffect(() => {
    if (top) giveColors(namedOf(top));
  }, [top]);
  const book = useColorBook();
  const track = useMemo(
    () => (host && top ? buildTopTrack(host, top, book, pageOf) : null),
    [host, top, book, pageOf],
  );
  return { track, top };
}
