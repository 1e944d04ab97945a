/** What of a track is drawn: all of its lines, or some of them alone. */
import { breakAtGaps } from '../../lib/gaps';
import { type Values, bridge, maxOf } from '../../lib/plot';
import type { Span } from '../../lib/range';
import type { Grid } from '../../lib/snap';
import type { Track, TrackId, TrackLine } from './trackParts';

export const lineName = (id: TrackId, key: string): string => `${id}.${key}`;

/** A click on a line shows it alone, and another one all of them again; with `more` it is added or taken out. */
export function toggleOnly(only: readonly string[], name: string, more: boolean): readonly string[] {
  const [id = ''] = name.split('.');
  const ofTrack = only.filter((one) => one.startsWith(`${id}.`));
  const others = only.filter((one) => !one.startsWith(`${id}.`));
  if (more) return ofTrack.includes(name) ? only.filter((one) => one !== name) : [...only, name];
  const isAlone = ofTrack.length === 1 && ofTrack[0] === name;
  return isAlone ? others : [...others, name];
}

/** `track` with only those lines that are shown, each from zero, and an axis that fits them. */
export function isolate(track: Track, only: readonly string[], grid: Grid, gaps: readonly Span[]): Track {
  const shown = track.lines.filter(({ key }) => only.includes(lineName(track.id, key)));
  if (shown.length === 0) return track;
  const drawn = (values: Values): Values =>
    breakAtGaps(grid.timeMs, grid.bucketMs, bridge(grid.timeMs, values, grid.spacingMs), gaps);
  const lines = shown.map((line): TrackLine =>
    line.style === 'stacked' ? { ...line, style: 'area', drawn: drawn(line.values) } : line,
  );
  return { ...track, lines, max: track.fit(maxOf(lines.map((line) => line.drawn))) };
}
