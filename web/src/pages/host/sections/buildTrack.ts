/** The tracks of a section: answers of the server in, tracks out. */
import type { EntitySeries, GreatestSeries, Series } from '../../../api/series';
import { type ColorBook, type Named, colorOfName } from '../../../lib/processColors';
import { type Values, align, bridge, usualSpacing } from '../../../lib/plot';
import type { Grid } from '../../../lib/snap';
import { unitOf } from '../../../lib/units';
import { text } from '../../../text';
import {
  type Note,
  type Spec,
  type Track,
  type TrackLine,
  columnsOf,
  finish,
  fitted,
  line,
  onGround,
  sum,
} from '../trackParts';
import { type EntityTrack, HELD_MS, MOST_LINES, type TrackSpec } from './readings';

/** What lines are called and coloured by, beside the answer itself. */
export interface Around {
  /** Of the host: all charts have its buckets. */
  readonly grid: Grid;
  readonly book: ColorBook;
  /** By entity. */
  readonly notes: ReadonlyMap<string, Note>;
}

const OTHER = 'other';

/** `/system.slice/nginx.service` → `nginx`, `docker-3f2a….scope` → `docker-3f2a0c119b1e`. */
export function entityLabel(table: string, entity: string): string {
  if (table !== 'cgroup') return entity;
  const last = entity.split('/').findLast((part) => part !== '') ?? entity;
  return last
    .replace(/\.(scope|service)$/, '')
    .replace(/[0-9a-f]{64}/, (id) => id.slice(0, 12))
    .replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}

/** How a line is called in the address: no sign in it that an address would escape. */
export function entityKey(entity: string): string {
  const word = entity.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  let hash = 2_166_136_261;
  for (const sign of entity) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 16_777_619);
  return `${word.slice(-20)}_${(hash >>> 0).toString(36)}`;
}

/** The track of an answer; null when it has no value at all. */
export function buildSectionTrack(spec: TrackSpec, found: GreatestSeries, around: Around): Track | null {
  const { grid } = around;
  const { format, axis, fit } = unitOf(spec.unit);
  const { lines: specs, leftOut } =
    spec.kind === 'named' ? namedLines(spec, found) : entityLines(spec, found, around);
  const timeMs = found.series[0]?.timeMs ?? [];
  const aligned = specs.map((one) => ({ ...one, values: inGrid(spec, timeMs, one.values, grid) }));
  const shown = aligned.filter(({ values }) => values.some((value) => value != null));
  if (shown.length === 0) return null;
  const total = headline(spec, aligned);
  const grounded = spec.stacked ? onGround(shown, total) : shown;
  const filled: Values = spec.ask.held ? total : grid.filled;
  const series: Series = { timeMs: grid.timeMs, bucketMs: grid.bucketMs, columns: {} };
  return fitted({
    id: spec.id,
    headline: { values: total, format },
    lines: finish(series, grounded, format, filled).map((drawn, index) => ({
      ...drawn,
      values: shown[index]?.values ?? drawn.values,
    })),
    leftOut,
    fit,
    axis,
  });
}

/** The same at an earlier time as one dotted line: its headline. Null without any value. */
export function buildSectionGhost(
  spec: TrackSpec,
  before: GreatestSeries,
  shiftMs: number,
  { grid }: Around,
): TrackLine | null {
  const { format } = unitOf(spec.unit);
  const none: Around = { grid, book: new Map(), notes: new Map() };
  const { lines } = spec.kind === 'named' ? namedLines(spec, before) : entityLines(spec, before, none);
  const timeMs = (before.series[0]?.timeMs ?? []).map((ms) => ms + shiftMs);
  const values = inGrid(spec, timeMs, headline(spec, lines), grid);
  if (values.every((value) => value == null)) return null;
  const drawn = bridge(grid.timeMs, values, usualSpacing(grid.timeMs, values, grid.bucketMs));
  return { key: 'ghost', label: '', color: 'ghost', values, drawn, style: 'ghost', format };
}

/** The entities of an answer that get lines, the greatest first: to give them colours. */
export function entitiesOf(spec: TrackSpec, found: GreatestSeries): readonly Named[] {
  if (spec.kind === 'named') return [];
  return chosen(spec, found).kept.map(({ entity }) => ({ id: colorId(spec, entity), name: entity }));
}

const colorId = (spec: TrackSpec, entity: string): string => `${spec.ask.table} ${entity}`;

interface Lines {
  readonly lines: readonly Spec[];
  readonly leftOut: number;
}

function namedLines(spec: TrackSpec & { kind: 'named' }, found: GreatestSeries): Lines {
  const [series] = found.series;
  return { lines: series ? spec.lines(columnsOf(series)) : [], leftOut: 0 };
}

function entityLines(spec: EntityTrack, found: GreatestSeries, { book, notes }: Around): Lines {
  const { kept, rest, leftOut } = chosen(spec, found);
  const style = spec.stacked ? 'stacked' : 'line';
  const lines: Spec[] = kept.map(({ entity, values }) => {
    const label = entityLabel(spec.ask.table, entity);
    const color = book.get(colorId(spec, entity)) ?? colorOfName(entity);
    const note = spec.noted ? notes.get(entity) : undefined;
    return {
      ...line(entityKey(entity), label, color, values, style),
      hint: entity,
      ...(note ? { note } : {}),
    };
  });
  // What does not add up has no rest.
  if (spec.stacked && rest) lines.push(line(OTHER, text.sections.other, 'slate', rest, style));
  return { lines, leftOut: spec.stacked && rest ? 0 : leftOut };
}

interface Chosen {
  readonly kept: readonly { readonly entity: string; readonly values: Values }[];
  readonly rest: Values | null;
  readonly leftOut: number;
}

/** The greatest entities: as the server ranked them, or else ranked here. */
function chosen(spec: EntityTrack, found: GreatestSeries): Chosen {
  const main = found.series.filter((one) => spec.isMain?.(columnsOf(one)) ?? true);
  const counted = (main.length === 0 ? found.series : main).map((one: EntitySeries) => ({
    entity: one.entity,
    values: spec.value(columnsOf(one)),
  }));
  const present = counted.filter(({ values }) => values.some((value) => value != null));
  if (spec.ask.limit !== null) {
    const rest = found.other ? spec.value(columnsOf(found.other)) : null;
    return { kept: present, rest, leftOut: found.leftOut };
  }
  const order = present.toSorted((left, right) => totalOf(right.values) - totalOf(left.values));
  const least = order.slice(MOST_LINES).map(({ values }) => values);
  const rest = least.length === 0 ? null : sum(...least);
  return { kept: order.slice(0, MOST_LINES), rest, leftOut: least.length };
}

const totalOf = (values: Values): number => values.reduce<number>((total, value) => total + (value ?? 0), 0);

/** The one reading that stands for all: their sum where they add up, else the greatest. */
function headline(spec: TrackSpec, lines: readonly Spec[]): Values {
  const values = lines.map((one) => one.values);
  if (spec.stacked) return sum(...values);
  return (values[0] ?? []).map((_, index) => {
    const present = values.map((one) => one[index]).filter((value) => value != null);
    return present.length === 0 ? null : Math.max(...present);
  });
}

/**
 * `values`, whose buckets start at `timeMs`, in the buckets of the host. Where rows come seldom the newest one stands
 * before the first and after the last of the range too: a range can be shorter than they are apart.
 */
function inGrid(spec: TrackSpec, timeMs: readonly number[], values: Values, grid: Grid): Values {
  const inIt = align(grid.timeMs, timeMs, values);
  if (!spec.ask.held) return inIt;
  const first = inIt.findIndex((value) => value != null);
  const last = inIt.findLastIndex((value) => value != null);
  const held = newestAt(grid.timeMs, timeMs, values);
  return inIt.map((value, index) => {
    const isBetween = first <= index && index <= last;
    return isBetween || grid.filled[index] == null ? value : (held[index] ?? null);
  });
}

/** At each of `to` the newest of `values`, whose times are `from`, if it is no older than `HELD_MS`. */
function newestAt(to: readonly number[], from: readonly number[], values: Values): Values {
  const present = from.flatMap((ms, index): { ms: number; value: number }[] => {
    const value = values[index];
    return value == null ? [] : [{ ms, value }];
  });
  let index = -1;
  return to.map((ms) => {
    while ((present[index + 1]?.ms ?? Number.POSITIVE_INFINITY) <= ms) index += 1;
    const newest = present[index];
    return newest && ms - newest.ms <= HELD_MS ? newest.value : null;
  });
}
