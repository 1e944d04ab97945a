import type { Span } from '../lib/range';
import type { Reading } from './hosts';
import type { ProcessKey } from './processes';

import { request } from './client';
import { parseTime, writeTime } from './wire';

/** Readings over time, in buckets of equal length; a bucket without a snapshot is `null`. */
export interface Series {
  /** Start of each bucket. */
  readonly timeMs: readonly number[];
  readonly columns: Readonly<Record<string, readonly Reading[]>>;
  readonly bucketMs: number;
}

/** The series of one entity of a table: one core, one disk. */
export interface EntitySeries extends Series {
  readonly entity: string;
}

interface WireSeries {
  readonly time: readonly string[];
  readonly columns: Readonly<Record<string, readonly Reading[]>>;
}

type WireAnswer = WireSeries & { readonly bucket_ms: number };

interface WireEntities {
  readonly series: readonly (WireSeries & { readonly entity: Readonly<Record<string, string | number>> })[];
  readonly bucket_ms: number;
  readonly other?: WireSeries;
  readonly left_out?: number;
}

/** The greatest entities of a table, greatest first. */
export interface GreatestSeries {
  readonly series: readonly EntitySeries[];
  /** All others added up; null when there are none. */
  readonly other: Series | null;
  readonly leftOut: number;
}

export interface SeriesQuery extends Span {
  readonly host: string;
  readonly columns: readonly string[];
  readonly points: number;
}

function readSeries(wire: WireSeries, bucketMs: number): Series {
  return { timeMs: wire.time.map((time) => parseTime(time) ?? 0), columns: wire.columns, bucketMs };
}

const rangeQuery = (query: SeriesQuery): Record<string, string | number> => ({
  columns: query.columns.join(','),
  from: writeTime(query.fromMs),
  to: writeTime(query.toMs),
  points: query.points,
});

export type SeriesKey = readonly ['series', string, ...(string | number)[]];

export function seriesKey(kind: string, query: SeriesQuery): SeriesKey {
  return ['series', query.host, kind, query.columns.join(','), query.fromMs, query.toMs, query.points];
}

export async function fetchHostSeries(query: SeriesQuery, signal: AbortSignal): Promise<Series> {
  const wire = await request<WireAnswer>(`hosts/${encodeURIComponent(query.host)}/series`, {
    query: { table: 'host', ...rangeQuery(query) },
    signal,
  });
  return readSeries(wire, wire.bucket_ms);
}

/** What tells the entities of a table apart, in one text. */
export const entityName = (entity: Readonly<Record<string, string | number>>): string =>
  Object.values(entity).join('|');

export async function fetchEntitySeries(
  table: string,
  query: SeriesQuery,
  signal: AbortSignal,
): Promise<readonly EntitySeries[]> {
  return (await fetchGreatestSeries(table, query, null, signal)).series;
}

/** With a `limit` the others are added up. */
export async function fetchGreatestSeries(
  table: string,
  query: SeriesQuery,
  limit: number | null,
  signal: AbortSignal,
): Promise<GreatestSeries> {
  const wire = await request<WireEntities>(`hosts/${encodeURIComponent(query.host)}/series`, {
    query: { table, ...rangeQuery(query), limit },
    signal,
  });
  return {
    series: wire.series.map((one) => ({
      ...readSeries(one, wire.bucket_ms),
      entity: entityName(one.entity),
    })),
    other: wire.other ? readSeries(wire.other, wire.bucket_ms) : null,
    leftOut: wire.left_out ?? 0,
  };
}

export async function fetchProcessSeries(
  process: ProcessKey,
  query: SeriesQuery,
  signal: AbortSignal,
): Promise<Series> {
  const start = encodeURIComponent(writeTime(process.startMs));
  const path = `hosts/${encodeURIComponent(query.host)}/processes/${String(process.pid)}/${start}/series`;
  const wire = await request<WireAnswer>(path, { query: rangeQuery(query), signal });
  return readSeries(wire, wire.bucket_ms);
}

/** When snapshots were taken, in order. For short ranges: one time per snapshot. */
export async function fetchSnapshotTimes(host: string, span: Span, signal?: AbortSignal): Promise<number[]> {
  const { rows } = await request<{ rows: { time: string }[] }>(`hosts/${encodeURIComponent(host)}/rows`, {
    query: { table: 'host', columns: 'time', from: writeTime(span.fromMs), to: writeTime(span.toMs) },
    ...(signal ? { signal } : {}),
  });
  return rows
    .map(({ time }) => parseTime(time) ?? Number.NaN)
    .filter(Number.isFinite)
    .sort((left, right) => left - right);
}
