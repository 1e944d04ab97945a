import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import {
  type Series,
  type SeriesQuery,
  fetchEntitySeries,
  fetchHostSeries,
  seriesKey,
} from '../../api/series';
import type { Reading } from '../../state/hostAddress';
import { buildReadingTrack } from './readingTrack';
import type { Track } from './trackParts';

export interface ReadingTrackInput {
  readonly query: SeriesQuery;
  readonly reading: Reading | null;
  readonly enabled: boolean;
  readonly refetchInterval: number | false;
  readonly host: Series | undefined;
}

/** The chart of the reading that the address names; null without one. */
export function useReadingTrack({
  query,
  reading,
  enabled,
  refetchInterval,
  host,
}: ReadingTrackInput): Track | null {
  const wanted: SeriesQuery = { ...query, columns: [reading?.column ?? ''] };
  const found = useQuery({
    queryKey: [...seriesKey('reading', wanted), reading?.table, reading?.entity],
    queryFn: ({ signal }) => fetchReading(reading, wanted, signal),
    enabled: enabled && reading !== null,
    placeholderData: keepPreviousData,
    staleTime: refetchInterval === false ? 60_000 : 1000,
    refetchInterval,
  });
  const series = found.data ?? null;
  return useMemo(
    () => (host && reading ? buildReadingTrack(host, reading, series) : null),
    [host, reading, series],
  );
}

async function fetchReading(
  reading: Reading | null,
  query: SeriesQuery,
  signal: AbortSignal,
): Promise<Series | null> {
  if (reading === null) return null;
  if (reading.entity === null) return fetchHostSeries(query, signal);
  const all = await fetchEntitySeries(reading.table, query, signal);
  return all.find(({ entity }) => entity === reading.entity) ?? null;
}
