import type { Span } from '../lib/range';
import { request } from './client';
import { writeTime } from './wire';

/** The newest level of each sensor within `span`: `normal`, `note`, `warning`. For short ranges. */
export async function fetchSensorLevels(
  host: string,
  span: Span,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await request<{
    rows: readonly { readonly time: string; readonly sensor: string; readonly level: string | null }[];
  }>(`hosts/${encodeURIComponent(host)}/rows`, {
    query: {
      table: 'sensor',
      columns: 'time,sensor,level',
      from: writeTime(span.fromMs),
      to: writeTime(span.toMs),
    },
    signal,
  });
  const byTime = rows.toSorted((left, right) => (left.time < right.time ? -1 : 1));
  return new Map(byTime.flatMap(({ sensor, level }) => (level === null ? [] : [[sensor, level]])));
}
