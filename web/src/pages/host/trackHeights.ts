/** How high each track is. */
import { type Track, type TrackId, isSectionTrack } from './trackParts';

const TIME_AXIS_HEIGHT = 24;
export const FOLDED_HEIGHT = 26;
/** What a legend needs, without and with the row of a process. */
const LEGEND_ROW = 14;
const HEAD_HEIGHT = 26;
/** Rows of a legend: CPU has the longest. */
const LEGEND_ROWS: Readonly<Partial<Record<TrackId, number>>> = { cpu: 3, top: 4 };
const STATS_ROWS: Readonly<Partial<Record<TrackId, number>>> = {
  cpu: 5,
  top: 8,
  pressure: 3,
  memory: 3,
  load: 3,
};
/** What comes and goes both ways has two lines of each kind, and there a row for each. */
const BOTH_WAYS: ReadonlySet<TrackId> = new Set(['disk', 'network']);
const leastHeight = (id: TrackId, more: number, stats: boolean): number => {
  const rows = (stats ? STATS_ROWS : LEGEND_ROWS)[id] ?? 2;
  return HEAD_HEIGHT + LEGEND_ROW * (rows + more * (stats && BOTH_WAYS.has(id) ? 2 : 1));
};
/** CPU is looked at first. */
const WEIGHTS: Readonly<Partial<Record<TrackId, number>>> = { cpu: 1.25, top: 1.25 };

/** What is below the tracks of a host while no section is open: their names, with room for the marks. */
export const STRIP_HEIGHT = 40;

/**
 * Heights of the tracks that are open, so that together they fill the pane or overflow it. Above sections that are open there
 * is no pane to fill: `most` is then how high one gets.
 */
export function trackHeights(
  ids: readonly TrackId[],
  pane: number,
  folded: readonly string[],
  more: number,
  stats: boolean,
  most = Infinity,
): Readonly<Partial<Record<TrackId, number>>> {
  const open = ids.filter((id) => !folded.includes(id));
  const weight = open.reduce((sum, id) => sum + (WEIGHTS[id] ?? 1), 0);
  const closed = (ids.length - open.length) * FOLDED_HEIGHT;
  const unit = Math.min(most, (pane - TIME_AXIS_HEIGHT - closed) / Math.max(1, weight));
  const heights = ids.map((id) => {
    const height = folded.includes(id)
      ? FOLDED_HEIGHT
      : Math.max(leastHeight(id, more, stats), Math.floor(unit * (WEIGHTS[id] ?? 1)));
    return [id, height] as const;
  });
  return Object.fromEntries(heights);
}

/** Lines that are few, or of which something is said, have a row each; names in a section are long. */
export function legendColumns({ id, lines }: Track): 1 | 2 {
  const few = isSectionTrack(id) ? FEW_NAMES : 2;
  return lines.length > few && lines.every(({ note }) => note === undefined) ? 2 : 1;
}

const FEW_NAMES = 5;
const LEAST_SECTION_HEIGHT = 74;
/** Of the others above them. */
export const BESIDE_SECTIONS = 110;

/** How high a track of a section is: they fill no pane, and have as many lines as there are disks. */
export function sectionTrackHeight(track: Track, folded: boolean, stats: boolean, ghost: boolean): number {
  if (folded) return FOLDED_HEIGHT;
  const lines = track.lines.length + Number((track.leftOut ?? 0) > 0);
  const rows = Number(ghost) + Math.ceil(lines / (stats ? 1 : legendColumns(track)));
  return Math.max(LEAST_SECTION_HEIGHT, HEAD_HEIGHT + LEGEND_ROW * rows);
}
