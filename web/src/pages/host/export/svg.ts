/**
 * The charts as a drawing that can be enlarged and edited: made from what the charts are drawn from, in the colours of the light
 * theme on white, whatever the screen shows.
 */
import type { Values } from '../../../lib/plot';
import { maxOf } from '../../../lib/plot';
import type { Span } from '../../../lib/range';
import { timeTicks } from '../../../lib/time';
import { palettes } from '../../../palette';
import type { Track, TrackLine } from '../trackParts';

export interface Drawing {
  readonly title: string;
  readonly span: Span;
  readonly timeMs: readonly number[];
  readonly bucketMs: number;
  readonly gaps: readonly Span[];
  /** From the top; each with the lines of an earlier time, and of the selected process. */
  readonly tracks: readonly DrawnTrack[];
}

export interface DrawnTrack {
  readonly title: string;
  readonly track: Track;
  readonly more: readonly TrackLine[];
}

const WIDTH = 1200;
const LEFT = 220;
const RIGHT = 76;
const HEAD = 44;
const AXIS = 26;
const LEAST_HEIGHT = 96;
const NAME_ROW = 16;
const LEGEND_ROW = 13;
const TOP = 10;
const TICKS = 9;
const { line: colors, stackedArea, area } = palettes.light;
const INK = '#1c2530';
const MUTED = '#556274';
const GRID = '#e3e8ed';

/** A standalone file. */
export function buildSvg(drawing: Drawing): string {
  const heights = drawing.tracks.map(heightOf);
  const bottom = HEAD + heights.reduce((sum, height) => sum + height, 0);
  const scale: Scale = scaleOf(drawing.span);
  const ticks = timeTicks(drawing.span.fromMs, drawing.span.toMs, TICKS);
  let top = HEAD;
  const tracks = drawing.tracks.map((one, index) => {
    const height = heights[index] ?? LEAST_HEIGHT;
    const part = trackPart(drawing, one, scale, top, height);
    top += height;
    return part;
  });
  const vertical = ticks.map(
    ({ ms }) => `<line x1="${n(scale(ms))}" y1="${String(HEAD)}" x2="${n(scale(ms))}" y2="${n(bottom)}"/>`,
  );
  const labels = ticks
    .filter(({ ms }) => scale(ms) > LEFT + 20 && scale(ms) < WIDTH - RIGHT - 20)
    .map(
      ({ ms, label }) =>
        `<text x="${n(scale(ms))}" y="${n(bottom + 17)}" text-anchor="middle">${xml(label)}</text>`,
    );
  const hatched = drawing.gaps.map((gap) => hatch(gap, scale, bottom));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${n(bottom + AXIS)}" viewBox="0 0 ${String(WIDTH)} ${n(bottom + AXIS)}" font-family="Inter, system-ui, sans-serif" font-size="11">`,
    `<title>${xml(drawing.title)}</title>`,
    '<defs><pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="1" height="6" fill="#c9d1d9"/></pattern>',
    `<clipPath id="plot"><rect x="${String(LEFT)}" y="0" width="${String(WIDTH - LEFT - RIGHT)}" height="${n(bottom)}"/></clipPath></defs>`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="16" y="27" font-size="15" font-weight="600" fill="${INK}">${xml(drawing.title)}</text>`,
    `<g stroke="${GRID}">${vertical.join('')}</g>`,
    ...hatched,
    ...tracks,
    `<g fill="${MUTED}">${labels.join('')}</g>`,
    '</svg>\n',
  ].join('\n');
}

type Scale = (value: number) => number;

const scaleOf =
  ({ fromMs, toMs }: Span): Scale =>
  (ms) =>
    LEFT + ((ms - fromMs) / Math.max(1, toMs - fromMs)) * (WIDTH - LEFT - RIGHT);

const heightOf = ({ track, more }: DrawnTrack): number =>
  Math.max(LEAST_HEIGHT, TOP + NAME_ROW + LEGEND_ROW * (track.lines.length + more.length) + 8);

function trackPart(
  drawing: Drawing,
  { title, track, more }: DrawnTrack,
  x: Scale,
  top: number,
  height: number,
): string {
  const all = track.lines.filter(({ drawn }) => drawn.length > 0).concat(more);
  const highest = maxOf(all.map(({ drawn }) => drawn));
  const max = highest > track.max ? track.fit(highest) : track.max;
  const base = top + height - 1;
  const y: Scale = (value) => base - (value / Math.max(max, Number.MIN_VALUE)) * (height - TOP - 1);
  const right = WIDTH - RIGHT;
  const rows = [0, max / 2, max].map(
    (value) =>
      `<line x1="${String(LEFT)}" y1="${n(y(value))}" x2="${String(right)}" y2="${n(y(value))}" stroke="${GRID}"/>`,
  );
  const axis = [max / 2, max].map(
    (value) =>
      `<text x="${String(right + 8)}" y="${n(y(value) + 4)}" fill="${MUTED}">${xml(track.axis(value))}</text>`,
  );
  const legend = all.map((line, index) => legendItem(line, top + TOP + NAME_ROW + index * LEGEND_ROW));
  const stacked = all.filter(({ style }) => style === 'stacked');
  const shapes = all.map((line) => {
    const below = stacked[stacked.indexOf(line) - 1];
    return shape(line, below?.drawn ?? null, drawing, x, y);
  });
  return [
    `<g><text x="16" y="${n(top + TOP + 8)}" font-size="13" font-weight="600" fill="${INK}">${xml(title)}</text>`,
    ...rows,
    `<g clip-path="url(#plot)">${shapes.join('')}</g>`,
    ...axis,
    ...legend,
    `<line x1="0" y1="${n(base + 1)}" x2="${String(WIDTH)}" y2="${n(base + 1)}" stroke="#c9d1d9"/></g>`,
  ].join('\n');
}

/** Longer names do not fit beside the charts. */
const MOST_NAME = 32;

function legendItem({ color, label, style, hint }: TrackLine, top: number): string {
  const name = label === '' ? (hint ?? style) : label;
  const short = name.length > MOST_NAME ? `${name.slice(0, MOST_NAME - 1)}…` : name;
  return `<rect x="16" y="${n(top + 2)}" width="8" height="8" rx="2" fill="${colors[color]}"/><text x="30" y="${n(top + 10)}" fill="${MUTED}">${xml(short)}</text>`;
}

const DASHES: Readonly<Partial<Record<TrackLine['style'], string>>> = { dashed: '4 3', ghost: '2 3' };

function shape(line: TrackLine, below: Values | null, drawing: Drawing, x: Scale, y: Scale): string {
  const { color, style, drawn } = line;
  const runs = runsOf(drawn, drawing, x, y, below);
  if (runs.length === 0) return '';
  const paint = colors[color];
  const outline = runs.map(({ top }) => path(top)).join('');
  const filled = runs.map(({ top, bottom }) => `${path([...top, ...bottom.toReversed()])}Z`).join('');
  if (style === 'stacked')
    return `<path d="${filled}" fill="${paint}" fill-opacity="${String(stackedArea)}"/>`;
  const dash = DASHES[style];
  const stroke = `<path d="${outline}" fill="none" stroke="${paint}" stroke-width="1.4" stroke-linejoin="round"${dash === undefined ? '' : ` stroke-dasharray="${dash}"`}/>`;
  return style === 'area'
    ? `<path d="${filled}" fill="${paint}" fill-opacity="${String(area)}"/>${stroke}`
    : stroke;
}

type Point = readonly [x: number, y: number];

interface Run {
  readonly top: Point[];
  readonly bottom: Point[];
}

/** Stretches without a gap. What is bridged (`undefined`) has no point of its own. */
function runsOf(
  drawn: Values,
  { timeMs, bucketMs }: Drawing,
  x: Scale,
  y: Scale,
  below: Values | null,
): Run[] {
  const runs: Run[] = [];
  let open: Run | null = null;
  drawn.forEach((value, index) => {
    const ms = timeMs[index];
    if (value === undefined || ms === undefined) return;
    if (value === null) {
      open = null;
      return;
    }
    if (open === null) {
      open = { top: [], bottom: [] };
      runs.push(open);
    }
    const at = x(ms + bucketMs / 2);
    open.top.push([at, y(value)]);
    open.bottom.push([at, y(below?.[index] ?? 0)]);
  });
  return runs;
}

const path = (points: readonly Point[]): string =>
  points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${n(x)} ${n(y)}`).join('');

function hatch(gap: Span, x: Scale, bottom: number): string {
  const left = Math.max(LEFT, x(gap.fromMs));
  const right = Math.min(WIDTH - RIGHT, x(gap.toMs));
  if (right <= left) return '';
  return `<rect x="${n(left)}" y="${String(HEAD)}" width="${n(right - left)}" height="${n(bottom - HEAD)}" fill="url(#gap)"/>`;
}

/** A tenth of a pixel is finer than anybody sees. */
const n = (value: number): string => (Number.isFinite(value) ? String(Math.round(value * 10) / 10) : '0');

const SIGNS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML has no way to write these. */
const isForbidden = (sign: string): boolean => {
  const code = sign.codePointAt(0) ?? 0;
  return (code < 0x20 && !'\t\n\r'.includes(sign)) || code === 0xfffe || code === 0xffff;
};

/** Names of processes and mounts are text of others: nothing of it is markup. */
const xml = (words: string): string =>
  Array.from(words, (sign) => (isForbidden(sign) ? '' : (SIGNS[sign] ?? sign))).join('');
