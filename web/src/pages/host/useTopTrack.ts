import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useLayoutEffect, useMemo, useState } from 'react';

import type { ProcessKey, Resource } from '../../api/processes';
import type { Series, SeriesQuery } from '../../api/series';
import { type TopSeries, fetchTopSeries, topKey } from '../../api/top';
import { giveColors, useColorBook } from '../../state/processColors';
import { TOP_PROCESSES } from './hostColumns';
import { buildTopTrack, namedOf } from './topTrack';
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

type Asked = Pick<TopTrackInput, 'query' | 'by'>;

/**
 * Following "now" moves the range on and on. An answer that takes longer than a step is waited for: asked anew at each step
 * there would never be one.
 */
export function isMoved(asked: Asked, wanted: Asked): 'no' | 'on' | 'elsewhere' {
  const [a, b] = [asked.query, wanted.query];
  const isAlike =
    asked.by === wanted.by &&
    a.host === b.host &&
    // Whole buckets: one more or less is no other range.
    Math.abs(a.points - b.points) <= 1 &&
    Math.abs(a.toMs - a.fromMs - (b.toMs - b.fromMs)) * 20 <= a.toMs - a.fromMs;
  if (!isAlike) return 'elsewhere';
  if (a.fromMs === b.fromMs) return 'no';
  return Math.abs(b.fromMs - a.fromMs) < (a.toMs - a.fromMs) / 2 ? 'on' : 'elsewhere';
}

export function useTopTrack(input: TopTrackInput): {
  readonly track: Track | null;
  readonly top: TopSeries | null;
} {
  const { enabled, refetchInterval, host, pageOf } = input;
  const [{ query, by }, setAsked] = useState<Asked>(input);
  const found = useQuery({
    queryKey: topKey(query, by),
    queryFn: ({ signal }) => fetchTopSeries({ ...query, by, limit: TOP_PROCESSES }, signal),
    enabled,
    placeholderData: keepPreviousData,
    staleTime: refetchInterval === false ? 60_000 : 1000,
    gcTime: 60_000,
    refetchInterval: refetchInterval === false ? false : refetchInterval * SLOWER,
  });
  const moved = isMoved({ query, by }, input);
  if (moved !== 'no' && (moved === 'elsewhere' || !found.isFetching)) {
    setAsked({ query: input.query, by: input.by });
  }
  const top = enabled ? (found.data ?? null) : null;
  // Before the chart is made, which has its colours from then on.
  useLayoutEffect(() => {
    if (top) giveColors(namedOf(top));
  }, [top]);
  const book = useColorBook();
  const track = useMemo(
    () => (host && top ? buildTopTrack(host, top, book, pageOf) : null),
    [host, top, book, pageOf],
  );
  return { track, top };
}
