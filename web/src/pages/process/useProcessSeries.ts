/** All series of one process for one range, shaped for drawing. */
import { useMemo } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import type { ProcessKey } from '../../api/processes';
import { type SeriesQuery, fetchProcessSeries, seriesKey } from '../../api/series';
import { USUALLY_LONGER_MS, bucketsFor, pointsFor } from '../../lib/buckets';
import type { Gap } from '../../lib/gaps';
import { findGaps } from '../../lib/plot';
import type { Span } from '../../lib/range';
import { EMPTY_GRID, makeGrid } from '../../lib/snap';
import { PROCESS_FILLED, PROCESS_TRACK_COLUMNS, buildProcessTracks } from '../host/processTracks';
import { useInterval } from '../host/useInterval';
import type { HostSeries } from '../host/useHostSeries';

export interface ProcessSeriesQuery {
  readonly host: string;
  readonly process: ProcessKey;
  readonly span: Span;
  readonly width: number;
  readonly following: boolean;
}

export function useProcessSeries(wanted: ProcessSeriesQuery): HostSeries {
  const { host, process, span, width, following } = wanted;
  const intervalMs = useInterval(host, span.toMs);
  const { fromMs, toMs, points, bucketMs } = bucketsFor(span, pointsFor(width), intervalMs ?? 0);
  const query: SeriesQuery = { host, fromMs, toMs, points, columns: PROCESS_TRACK_COLUMNS };
  const series = useQuery({
    queryKey: [...seriesKey('process-page', query), process.pid, process.startMs],
    queryFn: ({ signal }) => fetchProcessSeries(process, query, signal),
    placeholderData: keepPreviousData,
    staleTime: following ? 1000 : 60_000,
    gcTime: 60_000,
    refetchInterval: following ? Math.min(60_000, Math.max(5000, bucketMs / 4)) : false,
    enabled: width > 0 && (intervalMs !== null || bucketMs >= USUALLY_LONGER_MS),
  });
  const shaped = useMemo(() => {
    const data = series.data;
    if (!data) return { grid: EMPTY_GRID, tracks: [], gaps: [] };
    const grid = makeGrid(data.timeMs, data.columns[PROCESS_FILLED] ?? [], data.bucketMs);
    // Before it started and after it ended there is no process: not a gap in what was recorded.
    const gaps: Gap[] = findGaps(grid.timeMs, grid.filled, grid.bucketMs, span).map((gap) => ({
      ...gap,
      state: 'absent',
      reason: null,
      frames: null,
    }));
    return { grid, tracks: buildProcessTracks(data), gaps };
  }, [series.data, span]);
  return {
    ...shaped,
    overlay: {},
    top: null,
    boots: [],
    ghosts: {},
    cores: [],
    coreCount: null,
    asked: null,
    empty:
      series.data !== undefined &&
      !series.isPlaceholderData &&
      shaped.grid.filled.every((value) => value == null),
    loading: series.isPending || series.isPlaceholderData,
    error: series.data ? null : series.error,
    retry: () => void series.refetch(),
  };
}
