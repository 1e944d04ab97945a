/** Any one reading of a host in a chart of its own. */
import type { Series } from '../../api/series';
import { type Values, align, usualSpacing, bridge } from '../../lib/plot';
import { plainName, unitOf } from '../../lib/units';
import type { Reading } from '../../state/hostAddress';
import { text } from '../../text';
import { type Track, fitted } from './trackParts';

const known: Readonly<Record<string, string>> = text.readings;

/** What a reading is called: `busy · sda`. */
export function readingName({ table, column, entity }: Reading): string {
  const name = known[`${table}_${column}`] ?? known[column] ?? plainName(column);
  return entity === null || entity === '' ? name : `${name} · ${entity.replaceAll('|', ' ')}`;
}

/** `host` gives the buckets; the reading may be rarer than snapshots are. */
export function buildReadingTrack(host: Series, reading: Reading, series: Series | null): Track {
  const { format, axis, fit } = unitOf(reading.column);
  const values: Values = align(host.timeMs, series?.timeMs ?? [], series?.columns[reading.column] ?? []);
  const spacing = usualSpacing(host.timeMs, values, host.bucketMs);
  return fitted({
    id: 'reading',
    headline: { values, format },
    lines: [
      {
        key: 'value',
        label: readingName(reading),
        color: 'blue',
        values,
        drawn: bridge(host.timeMs, values, spacing),
        style: 'area',
        format,
      },
    ],
    fit,
    axis,
  });
}
