/** All series of the host page for one range, shaped for drawing. */
import { useMemo } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { MOST_GAPS_MS, fetchGaps, gapsKey } from '../../api/gaps';
import type { ProcessKey, Resource } from '../../api/processes';
import {
  type EntitySeries,
  type SeriesQuery,
  fetchEntitySeries,
  fetchHostSeries,
  fetchProcessSeries,
  seriesKey,
} from '../../api/series';
import { USUALLY_LONGER_MS, bucketsFor, pointsFor } from '../../lib/buckets';
import { type Comparison, comparisonMs } from '../../lib/compare';
import { type Gap, breakAtGaps, explainGaps } from '../../lib/gaps';
import { type Values, findGaps } from '../../lib/plot';
import type { TopSeries } from '../../api/top';
import type { Span } from '../../lib/range';
import { EMPTY_GRID, type Grid, makeGrid } from '../../lib/snap';
import type { Reading } from '../../state/hostAddress';
import { GHOST_COLUMNS, buildGhosts } from './ghosts';
import { findBoots } from './marks';
import { useReadingTrack } from './useReadingTrack';
import { useTopTrack } from './useTopTrack';
import { useInterval } from './useInterval';
import { PROCESS_COLUMNS, buildOverlay } from './overlay';
import type { Track, TrackId, TrackLine } from './trackParts';
import { HOST_COLUMNS } from './hostColumns';
import { buildTracks } from './tracks';

export interface HostSeries {
  readonly grid: Grid;
  readonly tracks: readonly Track[];
  readonly overlay: Partial<Record<TrackId, readonly TrackLine[]>>;
  /** Lines of the earlier time that the view is compared with. */
  readonly ghosts: Partial<Record<TrackId, readonly TrackLine[]>>;
  readonly gaps: readonly Gap[];
  readonly cores: readonly EntitySeries[];
  readonly coreCount: number | null;
  /** Who is in the chart of the top processes; null while there is none. */
  readonly top: TopSeries | null;
  /** When the host started. */
  readonly boots: readonly number[];
  /** There is no snapshot in the whole range. */
  readonly empty: boolean;
  /** What the server was asked for; null as long as that is not known. */
  readonly asked: Asked | null;
  readonly loading: boolean;
  readonly error: Error | null;
  readonly retry: () => void;
}

/** Whoever asks for the same has the same buckets. */
export interface Asked {
  readonly query: Omit<SeriesQuery, 'columns'>;
  readonly refetchInterval: number | false;
}

export interface HostSeriesQuery {
  readonly host: string;
  readonly span: Span;
  readonly width: number;
  readonly following: boolean;
  readonly process: ProcessKey | null;
  readonly withCores: boolean;
  readonly compare: Comparison | null;
  /** What the chart of the top processes is of; null while it is folded. */
  readonly top: Resource | null;
  readonly pageOf: (key: ProcessKey) => string;
  readonly reading: Reading | null;
}

const NONE: Values = [];
const NO_CORES: HostSeries['cores'] = [];
const NO_GAPS: readonly Gap[] = [];
const NO_LINES: HostSeries['ghosts'] = {};
const GC_MS = 60_000;

export function useHostSeries(wanted: HostSeriesQuery): HostSeries {
  const { host, span, width, following, process, withCores, compare } = wanted;
  const intervalMs = useInterval(host, span.toMs);
  const { fromMs, toMs, points, bucketMs } = bucketsFor(span, pointsFor(width), intervalMs ?? 0);
  const common = useMemo(() => ({ host, fromMs, toMs, points }), [host, fromMs, toMs, points]);
  // The newest bucket grows while it is followed.
  const refetchInterval = following ? Math.min(60_000, Math.max(5000, bucketMs / 4)) : (false as const);
  const options = {
    placeholderData: keepPreviousData,
    staleTime: following ? 1000 : 60_000,
    gcTime: GC_MS,
    refetchInterval,
    enabled: width > 0 && (intervalMs !== null || bucketMs >= USUALLY_LONGER_MS),
  };

  const hostQuery: SeriesQuery = { ...common, columns: HOST_COLUMNS };
  const series = useQuery({
    ...options,
    queryKey: seriesKey('host', hostQuery),
    queryFn: ({ signal }) => fetchHostSeries(hostQuery, signal),
  });

  const shiftMs = compare === null ? 0 : comparisonMs(compare);
  const beforeQuery: SeriesQuery = {
    ...common,
    fromMs: fromMs - shiftMs,
    toMs: toMs - shiftMs,
    columns: GHOST_COLUMNS,
  };
  const before = useQuery({
    ...options,
    queryKey: seriesKey('before', beforeQuery),
    queryFn: async ({ signal }) => ({ shiftMs, series: await fetchHostSeries(beforeQuery, signal) }),
    // What was, stays.
    staleTime: 60_000,
    refetchInterval: false,
    enabled: options.enabled && compare !== null,
  });

  const processQuery: SeriesQuery = { ...common, columns: PROCESS_COLUMNS };
  const ofProcess = useQuery({
    ...options,
    queryKey: [...seriesKey('process', processQuery), process?.pid, process?.startMs],
    queryFn: async ({ signal }) => {
      const key = process ?? { pid: 0, startMs: 0 };
      return { key, series: await fetchProcessSeries(key, processQuery, signal) };
    },
    enabled: options.enabled && process !== null,
  });

  const coresQuery: SeriesQuery = { ...common, points: Math.min(points, 400), columns: ['cpu_used_ratio'] };
  const ofCores = useQuery({
    ...options,
    queryKey: seriesKey('cpu', coresQuery),
    queryFn: ({ signal }) => fetchEntitySeries('cpu', coresQuery, signal),
    enabled: options.enabled && withCores,
  });

  const ofGaps = useQuery({
    ...options,
    queryKey: gapsKey(host, { fromMs, toMs }),
    queryFn: ({ signal }) => fetchGaps(host, { fromMs, toMs }, signal),
    enabled: options.enabled && toMs - fromMs <= MOST_GAPS_MS,
  });

  const extra = { query: hostQuery, host: series.data, refetchInterval };
  const ofTop = useTopTrack({
    ...extra,
    by: wanted.top ?? 'cpu',
    enabled: options.enabled && wanted.top !== null,
    pageOf: wanted.pageOf,
  });
  const reading = useReadingTrack({ ...extra, reading: wanted.reading, enabled: options.enabled });

  const shaped = useMemo(() => {
    const data = series.data;
    if (!data) return { grid: EMPTY_GRID, tracks: [], coreCount: null, boots: [] };
    const filled = data.columns['cpu_cores'] ?? NONE;
    const grid = makeGrid(data.timeMs, filled, data.bucketMs);
    return {
      grid,
      tracks: buildTracks(data),
      coreCount: filled.findLast((count) => count != null) ?? null,
      boots: findBoots(data),
    };
  }, [series.data]);

  const overlay = useMemo(() => {
    const known = ofProcess.data;
    const isWanted = known && known.key.pid === process?.pid && known.key.startMs === process.startMs;
    return isWanted && series.data ? buildOverlay(series.data, known.series) : NO_LINES;
  }, [series.data, ofProcess.data, process]);

  const ghosts = useMemo(() => {
    if (shiftMs === 0 || !series.data || before.data?.shiftMs !== shiftMs) return NO_LINES;
    return buildGhosts(series.data, before.data.series, shiftMs);
  }, [series.data, before.data, shiftMs]);

  const { grid } = shaped;
  const leastMs = (span.toMs - span.fromMs) / Math.max(1, width);
  const gaps = useMemo(() => {
    if (grid.timeMs.length === 0) return NO_GAPS;
    const found = findGaps(grid.timeMs, grid.filled, grid.bucketMs, span);
    const explained = explainGaps(found, ofGaps.data ?? [], leastMs);
    return explained.length === 0 ? NO_GAPS : explained;
  }, [grid, span, ofGaps.data, leastMs]);
  // One that arrives later leaves the others as they are: what stays the same is not drawn again.
  const ofHost = useMemo(
    () => shaped.tracks.map((track) => broken(track, grid, gaps)),
    [shaped.tracks, grid, gaps],
  );
  const { track: topTrack, top } = ofTop;
  const ofProcesses = useMemo(() => topTrack && broken(topTrack, grid, gaps), [topTrack, grid, gaps]);
  const ofReading = useMemo(() => reading && broken(reading, grid, gaps), [reading, grid, gaps]);
  const tracks = useMemo(
    () => [ofReading, ...ofHost, ofProcesses].filter((track) => track !== null),
    [ofReading, ofHost, ofProcesses],
  );

  const { refetch } = series;
  const cores = ofCores.data ?? NO_CORES;
  const empty =
    series.data !== undefined && !series.isPlaceholderData && grid.filled.every((value) => value == null);
  const loading = series.isPending || series.isPlaceholderData;
  const error = series.data ? null : series.error;
  const { enabled } = options;
  const asked = useMemo(
    () => (enabled ? { query: common, refetchInterval } : null),
    [enabled, common, refetchInterval],
  );
  return useMemo(() => {
    const retry = (): void => void refetch();
    return { ...shaped, tracks, top, overlay, ghosts, gaps, cores, asked, empty, loading, error, retry };
  }, [shaped, tracks, top, overlay, ghosts, gaps, cores, asked, empty, loading, error, refetch]);
}

/** A track whose lines lead over no gap. */
export const broken = (track: Track, grid: Grid, gaps: readonly Gap[]): Track => ({
  ...track,
  lines: track.lines.map((line) => ({
    ...line,
    drawn: breakAtGaps(grid.timeMs, grid.bucketMs, line.drawn, gaps),
  })),
});
