/** What the charts of one process show. */
import type { Series } from '../../api/series';
import { formatBytes, formatBytesShort, formatCores, formatCount, formatRate } from '../../lib/format';
import { type Values, bytesAbove, roundAbove } from '../../lib/plot';
import { text } from '../../text';
import { type ProcessTrackId, type Track, finish, fitted, line, rates, sum } from './trackParts';

export const PROCESS_TRACK_IDS: readonly ProcessTrackId[] = [
  'process_cpu',
  'process_memory',
  'process_disk',
  'process_network',
  'process_threads',
];

/** Columns of table `process` that the tracks need. */
export const PROCESS_TRACK_COLUMNS: readonly string[] = [
  'cpu_ratio',
  'rss_bytes',
  'swap_bytes',
  'disk_read_bytes_per_second',
  'disk_write_bytes_per_second',
  'net_rx_bytes_per_second',
  'net_tx_bytes_per_second',
  'threads',
  'open_files',
];

/** The column that every row of a process has. */
export const PROCESS_FILLED = 'rss_bytes';

export function buildProcessTracks(series: Series): Track[] {
  const names = text.host.lines;
  const column = (name: string): Values => series.columns[name] ?? [];
  const filled = column(PROCESS_FILLED);
  const [read, written] = [column('disk_read_bytes_per_second'), column('disk_write_bytes_per_second')];
  const [received, sent] = [column('net_rx_bytes_per_second'), column('net_tx_bytes_per_second')];
  return [
    fitted({
      id: 'process_cpu',
      headline: { values: column('cpu_ratio'), format: formatCores },
      lines: finish(
        series,
        [line('used', names.used, 'blue', column('cpu_ratio'), 'area')],
        formatCores,
        filled,
      ),
      fit: (highest) => roundAbove(highest, 0.01),
      axis: formatCores,
    }),
    fitted({
      id: 'process_memory',
      headline: { values: column('rss_bytes'), format: formatBytes },
      lines: finish(
        series,
        [
          line('resident', names.resident, 'teal', column('rss_bytes'), 'area'),
          line('swap', names.swap, 'red', column('swap_bytes'), 'line'),
        ],
        formatBytes,
        filled,
      ),
      fit: (highest) => bytesAbove(highest, 1024 ** 2),
      axis: formatBytesShort,
    }),
    rates(
      series,
      'process_disk',
      [
        line('read', names.read, 'blue', read, 'area'),
        line('written', names.written, 'amber', written, 'area'),
      ],
      { values: sum(read, written), format: formatRate },
      filled,
    ),
    rates(
      series,
      'process_network',
      [
        line('received', names.received, 'teal', received, 'area'),
        line('sent', names.sent, 'violet', sent, 'area'),
      ],
      { values: sum(received, sent), format: formatRate },
      filled,
    ),
    fitted({
      id: 'process_threads',
      headline: { values: column('threads'), format: formatCount },
      lines: finish(
        series,
        [
          line('threads', names.threads, 'blue', column('threads'), 'line'),
          line('files', names.openFiles, 'amber', column('open_files'), 'line'),
        ],
        formatCount,
        filled,
      ),
      fit: (highest) => roundAbove(highest, 4),
      axis: formatCount,
    }),
  ];
}
