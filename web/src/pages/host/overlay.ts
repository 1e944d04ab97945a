/** The lines that one process draws over the tracks of its host. */
import type { Series } from '../../api/series';
import { formatBytes, formatRate, formatRatio } from '../../lib/format';
import { type Values, align, bridge } from '../../lib/plot';
import { text } from '../../text';
import type { Format, TrackId, TrackLine } from './trackParts';

/** Columns of one process for its overlay. */
export const PROCESS_COLUMNS = [
  'cpu_ratio',
  'rss_bytes',
  'disk_read_bytes_per_second',
  'disk_write_bytes_per_second',
  'net_rx_bytes_per_second',
  'net_tx_bytes_per_second',
] as const;

/** A process sends a row at least once a minute: between two of them it did nothing new. */
const PROCESS_ROW_MS = 75_000;

const NONE: Values = [];

/** Lines of one process over the tracks of its host, by track. */
export function buildOverlay(host: Series, process: Series): Partial<Record<TrackId, TrackLine[]>> {
  const column = (name: string): Values => align(host.timeMs, process.timeMs, process.columns[name] ?? NONE);
  const cores = host.columns['cpu_cores'] ?? NONE;
  const share = column('cpu_ratio').map((value, index) => {
    const count = cores[index];
    return value == null || count == null || count === 0 ? null : value / count;
  });
  const make = (
    key: string,
    label: string,
    values: Values,
    style: TrackLine['style'],
    format: Format,
  ): TrackLine[] =>
    values.every((value) => value == null)
      ? []
      : [
          {
            key,
            label,
            color: 'process',
            values,
            style,
            format,
            drawn: bridge(host.timeMs, values, spacing),
          },
        ];
  const spacing = Math.max(PROCESS_ROW_MS / 2.5, host.bucketMs);
  const names = text.host.lines;
  return {
    cpu: make('process', '', share, 'line', formatRatio),
    memory: make('process', '', column('rss_bytes'), 'line', formatBytes),
    disk: [
      ...make('process-read', names.processRead, column('disk_read_bytes_per_second'), 'line', formatRate),
      ...make(
        'process-written',
        names.processWritten,
        column('disk_write_bytes_per_second'),
        'dashed',
        formatRate,
      ),
    ],
    network: [
      ...make(
        'process-received',
        names.processReceived,
        column('net_rx_bytes_per_second'),
        'line',
        formatRate,
      ),
      ...make('process-sent', names.processSent, column('net_tx_bytes_per_second'), 'dashed', formatRate),
    ],
  };
}
