import type { Reading } from './hosts';
import type { ProcessKey, Resource } from './processes';

import { request } from './client';
import { type SeriesKey, type SeriesQuery, seriesKey } from './series';
import { parseTime, present, writeTime } from './wire';

/** A process among those that used most, over time. */
export interface TopProcess {
  readonly key: ProcessKey;
  readonly name: string;
  readonly command: string | null;
  readonly values: readonly Reading[];
}

/** Who used most over a range: the processes and the rest add up to what all of them used. */
export interface TopSeries {
  readonly by: Resource;
  readonly timeMs: readonly number[];
  readonly bucketMs: number;
  readonly processes: readonly TopProcess[];
  readonly other: readonly Reading[];
  readonly total: readonly Reading[];
  /** False where there were too many processes to know who used most of all. */
  readonly complete: boolean;
}

interface WireTop {
  readonly time: readonly string[];
  readonly bucket_ms: number;
  readonly processes: readonly {
    readonly pid: number | null;
    readonly start_time: string | null;
    readonly name: string;
    readonly command: string;
    readonly values: readonly Reading[];
  }[];
  readonly other: readonly Reading[];
  readonly total: readonly Reading[];
  /** Absent: a server from before it was told. */
  readonly complete?: boolean;
}

export type TopQuery = Omit<SeriesQuery, 'columns'> & { readonly by: Resource; readonly limit: number };

/** A series like others, of the same buckets. */
export const topKey = (query: Omit<TopQuery, 'by' | 'limit'>, by: Resource): SeriesKey =>
  seriesKey(`top by ${by}`, { ...query, columns: [] });

export async function fetchTopSeries(query: TopQuery, signal: AbortSignal): Promise<TopSeries> {
  const { host, by, limit, points, fromMs, toMs } = query;
  const wire = await request<WireTop>(`hosts/${encodeURIComponent(host)}/processes/series`, {
    query: { by, from: writeTime(fromMs), to: writeTime(toMs), points, limit },
    signal,
  });
  return {
    by,
    timeMs: wire.time.map((time) => parseTime(time) ?? 0),
    bucketMs: wire.bucket_ms,
    processes: wire.processes.map((one) => ({
      key: { pid: one.pid ?? 0, startMs: parseTime(one.start_time) ?? 0 },
      name: one.name,
      command: present(one.command),
      values: one.values,
    })),
    other: wire.other,
    total: wire.total,
    complete: wire.complete ?? true,
  };
}
