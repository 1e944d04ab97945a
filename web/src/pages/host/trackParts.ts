/** What tracks are made of, whatever they show. */
import type { Series } from '../../api/series';
import type { Values } from '../../lib/plot';
import type { ColorName } from '../../palette';

import { formatBytesShort, formatRate } from '../../lib/format';
import { bridge, bytesAbove, maxOf, stack, usualSpacing } from '../../lib/plot';
import { text } from '../../text';
import type { SectionId } from './sectionIds';

export type Format = (value: number | null | undefined) => string;

export interface TrackLine {
  readonly key: string;
  readonly label: string;
  readonly color: ColorName;
  readonly values: Values;
  /** Where it is drawn: its value, or the sum with those below it in a stack. */
  readonly drawn: Values;
  /** A ghost is of an earlier time. */
  readonly style: 'stacked' | 'area' | 'line' | 'dashed' | 'ghost';
  readonly format: Format;
  /** The page of what the line is about. */
  readonly href?: string;
  /** More than the label says. */
  readonly hint?: string;
  /** Beside its value: when it is full, that it is hot. */
  readonly note?: Note;
}

export interface Note {
  readonly text: string;
  readonly bad: boolean;
}

export type HostTrackId =
  'reading' | 'cpu' | 'top' | 'pressure' | 'memory' | 'disk' | 'network' | 'load' | 'cores';
export type ProcessTrackId =
  'process_cpu' | 'process_memory' | 'process_disk' | 'process_network' | 'process_threads';
/** Of the sections that are folded until somebody asks for them. */
export type SectionTrackId = keyof typeof text.sections.tracks;
export type TrackId = HostTrackId | ProcessTrackId | SectionTrackId;

export interface TrackWords {
  readonly title: string;
  /** The question that it answers. */
  readonly hint: string;
  /** What it is called where its section is not beside it. */
  readonly full: string;
}

export function trackWords(id: TrackId): TrackWords {
  const { tracks, titles } = text.sections;
  if (!isSectionTrack(id)) return { ...text.host.tracks[id], full: text.host.tracks[id].title };
  const section = SECTION_OF[id.split('_')[0] ?? ''];
  const { title, hint } = tracks[id];
  return { title, hint, full: section === undefined ? title : `${titles[section]} · ${title}` };
}

/** By the first part of a track's id. */
const SECTION_OF: Readonly<Record<string, SectionId>> = {
  fs: 'filesystems',
  disk: 'disks',
  if: 'interfaces',
  sockets: 'sockets',
  sensor: 'sensors',
  gpu: 'gpus',
  unit: 'units',
};

export const isSectionTrack = (id: TrackId): id is SectionTrackId => id in text.sections.tracks;

export interface Track {
  readonly id: TrackId;
  /** The one reading that stands for the track, shown large. */
  readonly headline: { readonly values: Values; readonly format: Format };
  readonly lines: readonly TrackLine[];
  /** How many more lines there would be. */
  readonly leftOut?: number;
  readonly max: number;
  /** The top of the axis for values up to `highest`. */
  readonly fit: (highest: number) => number;
  readonly axis: Format;
}

export const NONE: Values = [];

export type Column = (name: string) => Values;

export function columnsOf(series: Series): Column {
  return (name) => series.columns[name] ?? NONE;
}

export function sum(...parts: Values[]): Values {
  return (parts[0] ?? NONE).map((_, index) => {
    let total: number | null = null;
    for (const part of parts) {
      const value = part[index];
      if (value != null) total = (total ?? 0) + value;
    }
    return total;
  });
}

export function difference(all: Values, part: Values): Values {
  return all.map((value, index) => {
    const less = part[index];
    return value == null || less == null ? null : Math.max(0, value - less);
  });
}

export type Spec = Omit<TrackLine, 'drawn' | 'format'>;

export const line = (
  key: string,
  label: string,
  color: ColorName,
  values: Values,
  style: TrackLine['style'],
): Spec => ({
  key,
  label,
  color,
  values,
  style,
});

/** Stacks those lines that are stacked, and bridges the buckets between two snapshots. */
export function finish(
  series: Series,
  specs: readonly Spec[],
  format: Format,
  filled: Values = columnsOf(series)('cpu_cores'),
): TrackLine[] {
  const { timeMs, bucketMs } = series;
  const spacing = usualSpacing(timeMs, filled, bucketMs);
  const stacked = stack(specs.filter((spec) => spec.style === 'stacked').map((spec) => spec.values));
  let next = 0;
  return specs.map((spec) => {
    const drawn = spec.style === 'stacked' ? (stacked[next++] ?? NONE) : spec.values;
    return { ...spec, format, drawn: bridge(timeMs, drawn, spacing) };
  });
}

/** A track whose axis fits its lines. */
export function fitted(track: Omit<Track, 'max'>): Track {
  return { ...track, max: track.fit(maxOf(track.lines.map((one) => one.drawn))) };
}

const QUIET_RATE = 100 * 1024;

export function rates(
  series: Series,
  id: TrackId,
  specs: readonly Spec[],
  headline: Track['headline'],
  filled?: Values,
): Track {
  return fitted({
    id,
    headline,
    lines: finish(series, specs, formatRate, filled),
    fit: (highest) => bytesAbove(highest, QUIET_RATE),
    axis: (value) => `${formatBytesShort(value)}/s`,
  });
}

/** Who is not there has no height in the stack, so that what is above stands on what is below. */
export const onGround = (specs: readonly Spec[], total: Values): Spec[] =>
  specs.map((spec) => ({
    ...spec,
    values: spec.values.map((value, index) => value ?? (total[index] == null ? value : 0)),
  }));
