/** The chart of the processes that used most: series in, a stack with the rest on top out. */
import type { ProcessKey, Resource } from '../../api/processes';
import type { Series } from '../../api/series';
import type { TopProcess, TopSeries } from '../../api/top';
import type { ColorBook, Named } from '../../lib/processColors';

import { formatBytes, formatBytesShort, formatCores, formatRate } from '../../lib/format';
import { type Values, align, bytesAbove, maxOf, roundAbove } from '../../lib/plot';
import { colorOfName } from '../../lib/processColors';
import { text } from '../../text';
import { processId } from './processRows';
import { type Format, type Spec, type Track, finish, fitted, line, onGround } from './trackParts';

const OTHER = 'other';

interface Shape {
  readonly format: Format;
  readonly axis: Format;
  readonly fit: (highest: number) => number;
}

const ofBytes = (format: Format, suffix: string, least: number): Shape => ({
  format,
  axis: (value) => formatBytesShort(value) + suffix,
  fit: (highest) => bytesAbove(highest, least),
});

/** Of a machine that is nearly full the axis ends where it is; processes are a little out of step with cores. */
const fitCores = (cores: number, highest: number): number =>
  cores > 0 && highest > cores / 2 && highest < cores * 1.1 ? cores : roundAbove(highest, 0.1);

const SHAPES: Readonly<Record<Resource, Shape>> = {
  cpu: {
    format: formatCores,
    axis: (value) => formatCores(value).replace('.0%', '%'),
    fit: (highest) => roundAbove(highest, 0.1),
  },
  memory: ofBytes(formatBytes, '', 1024 ** 2),
  disk: ofBytes(formatRate, '/s', 100 * 1024),
  network: ofBytes(formatRate, '/s', 100 * 1024),
};

/** How a line is called in the address: no sign in it that an address would escape. */
export const topLineKey = ({ pid, startMs }: ProcessKey): string => `${String(pid)}-${String(startMs)}`;

export function processOfLine(key: string): ProcessKey | null {
  const match = /^(\d+)-(\d+)$/.exec(key);
  return match ? { pid: Number(match[1]), startMs: Number(match[2]) } : null;
}

export const namedOf = (top: TopSeries): Named[] =>
  top.processes.map(({ key, name }) => ({ id: processId(key), name }));

/** `host` gives the buckets, so that all charts have the same ones. */
export function buildTopTrack(
  host: Series,
  top: TopSeries,
  book: ColorBook,
  pageOf: (key: ProcessKey) => string,
): Track {
  const { format, axis, fit } = SHAPES[top.by];
  const cores = maxOf([host.columns['cpu_cores'] ?? []]);
  const aligned = (values: Values): Values => align(host.timeMs, top.timeMs, values);
  const ofProcess = (process: TopProcess): Spec & { readonly href: string; readonly hint: string } => {
    const { key, name, command, values } = process;
    const color = book.get(processId(key)) ?? colorOfName(name);
    return {
      ...line(topLineKey(key), name, color, aligned(values), 'stacked'),
      href: pageOf(key),
      hint: `${name} ${String(key.pid)}${command === null ? '' : ` · ${command}`}`,
    };
  };
  const specs: Spec[] = [
    ...top.processes.map(ofProcess),
    line(OTHER, text.processes.otherRow, 'slate', aligned(top.other), 'stacked'),
  ];
  const total = aligned(top.total);
  return fitted({
    id: 'top',
    headline: { values: total, format },
    lines: finish(host, onGround(specs, total), format).map((drawn, index) => ({
      ...drawn,
      values: specs[index]?.values ?? drawn.values,
    })),
    fit: top.by === 'cpu' ? (highest) => fitCores(cores, highest) : fit,
    axis,
  });
}

/** Which part of a stack is at `value` in a bucket; null above all of them. */
export function partAt(track: Track, index: number, value: number): string | null {
  for (const { key, drawn } of track.lines) {
    const top = drawn[index];
    if (top != null && value <= top) return key;
  }
  return null;
}
