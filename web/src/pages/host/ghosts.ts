/** The lines of an earlier time, drawn behind those of now. */
import type { Series } from '../../api/series';
import { type Values, align, bridge, usualSpacing } from '../../lib/plot';
import { formatBytes, formatNumber, formatRate, formatRatio } from '../../lib/format';
import { text } from '../../text';
import type { ColorName } from '../../palette';
import type { Format, HostTrackId, TrackLine } from './trackParts';

interface Ghost {
  readonly column: string;
  readonly color: ColorName;
  readonly format: Format;
  /** Only where a track has several. */
  readonly label?: keyof typeof text.host.lines;
}

const formatLoad: Format = (value) => formatNumber(value, 2);

/** One or two readings of each track: more would hide what they are to be compared with. */
const GHOSTS: Readonly<Partial<Record<HostTrackId, readonly Ghost[]>>> = {
  cpu: [{ column: 'cpu_used_ratio', color: 'ghost', format: formatRatio }],
  memory: [{ column: 'memory_used_bytes', color: 'ghost', format: formatBytes }],
  disk: [
    { column: 'disk_read_bytes_per_second', color: 'blue', format: formatRate, label: 'processRead' },
    { column: 'disk_write_bytes_per_second', color: 'amber', format: formatRate, label: 'processWritten' },
  ],
  network: [
    { column: 'net_rx_bytes_per_second', color: 'teal', format: formatRate, label: 'processReceived' },
    { column: 'net_tx_bytes_per_second', color: 'violet', format: formatRate, label: 'processSent' },
  ],
  load: [{ column: 'load1', color: 'ghost', format: formatLoad }],
};

/** Columns of the table `host` that ghosts need. */
export const GHOST_COLUMNS: readonly string[] = [
  'cpu_cores',
  ...Object.values(GHOSTS).flatMap((ghosts) => ghosts.map(({ column }) => column)),
];

/** `before`, `shiftMs` later, over the buckets of `now`. A ghost without any value is left out. */
export function buildGhosts(
  now: Series,
  before: Series,
  shiftMs: number,
): Partial<Record<HostTrackId, readonly TrackLine[]>> {
  const shifted = before.timeMs.map((ms) => ms + shiftMs);
  const spacing = usualSpacing(before.timeMs, before.columns['cpu_cores'] ?? [], before.bucketMs);
  const lines = (ghosts: readonly Ghost[]): TrackLine[] =>
    ghosts.flatMap(({ column, color, format, label }) => {
      const values: Values = align(now.timeMs, shifted, before.columns[column] ?? []);
      if (values.every((value) => value == null)) return [];
      const name = label === undefined ? '' : text.host.lines[label];
      const drawn = bridge(now.timeMs, values, spacing);
      return [{ key: `ghost-${column}`, label: String(name), color, values, drawn, style: 'ghost', format }];
    });
  return Object.fromEntries(Object.entries(GHOSTS).map(([id, ghosts]) => [id, lines(ghosts)]));
}
