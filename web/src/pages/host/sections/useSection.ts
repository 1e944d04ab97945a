/** The tracks of one section for the range that is shown. */
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';

import { fetchFilesystems } from '../../../api/filesystems';
import { fetchSensorLevels } from '../../../api/sensors';
import {
  type GreatestSeries,
  type SeriesQuery,
  fetchGreatestSeries,
  fetchHostSeries,
  seriesKey,
} from '../../../api/series';
import { reachingBack } from '../../../lib/buckets';
import { comparisonMs, type Comparison } from '../../../lib/compare';
import { formatDuration } from '../../../lib/format';
import type { Span } from '../../../lib/range';
import { giveColors, useColorBook } from '../../../state/processColors';
import { text } from '../../../text';
import type { SectionId } from '../sectionIds';
import type { RowShared } from '../TrackRow';
import type { Note, SectionTrackId, Track, TrackLine } from '../trackParts';
import { type Asked, broken } from '../useHostSeries';
import { type Around, buildSectionGhost, buildSectionTrack, entitiesOf } from './buildTrack';
import { type Ask, HELD_MS, tracksOf } from './readings';

export interface SectionTracksFound {
  readonly tracks: readonly Track[];
  readonly ghosts: ReadonlyMap<SectionTrackId, readonly TrackLine[]>;
  readonly loading: boolean;
  readonly error: Error | null;
  readonly retry: () => void;
}

const GC_MS = 60_000;
const askKey = ({ table, columns, limit }: Ask): string => `${table} ${columns.join(',')} ${String(limit)}`;

export function useSection(
  id: SectionId,
  { query, refetchInterval }: Asked,
  { grid, gaps, span }: RowShared,
  compare: Comparison | null,
): SectionTracksFound {
  const specs = tracksOf(id);
  const asks = useMemo(() => [...new Map(specs.map(({ ask }) => [askKey(ask), ask])).values()], [specs]);
  const shiftMs = compare === null ? 0 : comparisonMs(compare);
  const found = useAnswers(asks, query, refetchInterval);
  const earlier = { ...query, fromMs: query.fromMs - shiftMs, toMs: query.toMs - shiftMs };
  const before = useAnswers(shiftMs === 0 ? NO_ASKS : asks, earlier, false);
  const notes = useNotes(id, query.host, span, refetchInterval);
  const book = useColorBook();
  useEffect(() => {
    const shown = specs.flatMap((spec) => {
      const answer = found.answers.get(askKey(spec.ask));
      return answer ? entitiesOf(spec, answer) : [];
    });
    // Those of the first track come first: each keeps its colour in the others.
    const once = [...new Map(shown.map((one) => [one.id, one])).values()];
    giveColors(once);
  }, [specs, found.answers]);
  const around = useMemo((): Around => ({ grid, book, notes }), [grid, book, notes]);
  const tracks = useMemo(
    () =>
      specs.flatMap((spec) => {
        const answer = found.answers.get(askKey(spec.ask));
        const track = answer ? buildSectionTrack(spec, answer, around) : null;
        return track ? [broken(track, grid, gaps)] : [];
      }),
    [specs, found.answers, around, grid, gaps],
  );
  const ghosts = useMemo(
    () =>
      new Map(
        specs.flatMap((spec): [SectionTrackId, TrackLine[]][] => {
          const answer = before.answers.get(askKey(spec.ask));
          const ghost = answer ? buildSectionGhost(spec, answer, shiftMs, around) : null;
          return ghost ? [[spec.id, [ghost]]] : [];
        }),
      ),
    [specs, before.answers, shiftMs, around],
  );
  return { ...found, tracks, ghosts };
}

const NO_ASKS: readonly Ask[] = [];

interface Answers {
  readonly answers: ReadonlyMap<string, GreatestSeries>;
  readonly loading: boolean;
  readonly error: Error | null;
  readonly retry: () => void;
}

function useAnswers(
  asks: readonly Ask[],
  common: Omit<SeriesQuery, 'columns'>,
  refetchInterval: number | false,
): Answers {
  return useQueries({
    queries: asks.map((ask) => {
      const query = { ...(ask.held ? reachingBack(common, HELD_MS) : common), columns: ask.columns };
      return {
        queryKey: [...seriesKey('section', query), ask.table, ask.limit],
        queryFn: ({ signal }: { signal: AbortSignal }) => fetchAnswer(ask, query, signal),
        placeholderData: keepPreviousData,
        staleTime: refetchInterval === false ? 60_000 : 1000,
        gcTime: GC_MS,
        refetchInterval,
      };
    }),
    combine: (results): Answers => ({
      answers: new Map(
        results.flatMap(({ data }, index): [string, GreatestSeries][] => {
          const ask = asks[index];
          return ask && data ? [[askKey(ask), data]] : [];
        }),
      ),
      loading: results.some(({ isPending }) => isPending),
      error: results.find(({ error, data }) => error && !data)?.error ?? null,
      retry: () => results.forEach(({ refetch }) => void refetch()),
    }),
  });
}

async function fetchAnswer(ask: Ask, query: SeriesQuery, signal: AbortSignal): Promise<GreatestSeries> {
  if (ask.table !== 'host') return fetchGreatestSeries(ask.table, query, ask.limit, signal);
  const series = await fetchHostSeries(query, signal);
  return { series: [{ ...series, entity: '' }], other: null, leftOut: 0 };
}

/** A forecast goes by the range that is shown, and by no less than this. */
const LEAST_FORECAST_MS = 3_600_000;
/** Notes change slowly: those of a range that follows "now" are asked for in steps of this. */
const NOTES_STEP_MS = 60_000;
/** Sensors have a row each minute. */
const LEVELS_MS = 150_000;

function useNotes(
  id: SectionId,
  host: string,
  span: Span,
  refetchInterval: number | false,
): ReadonlyMap<string, Note> {
  const toMs = Math.ceil(span.toMs / NOTES_STEP_MS) * NOTES_STEP_MS;
  const fromMs =
    Math.floor(Math.min(span.fromMs, span.toMs - LEAST_FORECAST_MS) / NOTES_STEP_MS) * NOTES_STEP_MS;
  const options = {
    placeholderData: keepPreviousData,
    staleTime: NOTES_STEP_MS,
    gcTime: GC_MS,
    refetchInterval: refetchInterval === false ? (false as const) : NOTES_STEP_MS,
  };
  const forecasts = useQuery({
    ...options,
    queryKey: ['filesystems', host, fromMs, toMs],
    queryFn: ({ signal }) => fetchFilesystems(host, { fromMs, toMs }, signal),
    enabled: id === 'filesystems',
  });
  const levels = useQuery({
    ...options,
    queryKey: ['sensor-levels', host, toMs],
    queryFn: ({ signal }) => fetchSensorLevels(host, { fromMs: toMs - LEVELS_MS, toMs }, signal),
    enabled: id === 'sensors',
  });
  return useMemo(() => {
    const words = text.sections;
    const full = (forecasts.data ?? []).flatMap(({ mountPoint, fullInSeconds: left }): [string, Note][] =>
      left === null
        ? []
        : [[mountPoint, { text: words.fullIn(formatDuration(left)), bad: left < SOON_SECONDS }]],
    );
    const hot = [...(levels.data ?? [])].flatMap(([sensor, level]): [string, Note][] => {
      const said = words.levels[level];
      return said === undefined ? [] : [[sensor, { text: said, bad: level === 'warning' }]];
    });
    return new Map([...full, ...hot]);
  }, [forecasts.data, levels.data]);
}

/** What is full before then wants somebody today. */
const SOON_SECONDS = 86_400;
