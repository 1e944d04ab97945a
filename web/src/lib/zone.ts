/**
 * The time zone that instants are shown in: the browser's, UTC, or one by its IANA name. One for the whole
 * page, so that no number ever has to say which zone it is in.
 */

export type Zone = 'browser' | 'UTC' | (string & {});

const QUARTER_MS = 15 * 60_000;
/** Offsets are looked up in quarters of an hour, the finest at which any zone changes; then forgotten. */
const MOST_OFFSETS = 4096;

let current: Zone = 'browser';
let offsets = new Map<number, number>();
let format: Intl.DateTimeFormat | null = null;

/** Whether the browser knows a zone by that name. */
export function isZone(name: unknown): name is Zone {
  if (name === 'browser' || name === 'UTC') return true;
  if (typeof name !== 'string' || name === '') return false;
  try {
    return partsOf(name) !== null;
  } catch {
    return false;
  }
}

function partsOf(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
}

/** From now on instants are shown in `zone`. */
export function setZone(zone: Zone): void {
  current = isZone(zone) ? zone : 'browser';
  offsets = new Map();
  format = current === 'browser' || current === 'UTC' ? null : partsOf(current);
}

export function currentZone(): Zone {
  return current;
}

/** How far the clocks of the zone are ahead of UTC at an instant, in milliseconds. */
export function zoneOffset(ms: number): number {
  if (current === 'UTC') return 0;
  if (format === null) return -new Date(ms).getTimezoneOffset() * 60_000;
  const quarter = Math.floor(ms / QUARTER_MS);
  const known = offsets.get(quarter);
  if (known !== undefined) return known;
  if (offsets.size >= MOST_OFFSETS) offsets = new Map();
  const start = quarter * QUARTER_MS;
  const wall: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(start)) wall[type] = Number(value);
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = wall;
  const offset = Date.UTC(year, month - 1, day, hour, minute, second) - start;
  offsets.set(quarter, offset);
  return offset;
}

/** What a clock on the wall shows, as a date whose UTC fields are to be read. */
export function toWall(ms: number): Date {
  return new Date(ms + zoneOffset(ms));
}

/** The instant at which a clock on the wall shows this; where it does so twice, one of the two. */
export function fromWall(wallMs: number): number {
  const guess = wallMs - zoneOffset(wallMs);
  const better = wallMs - zoneOffset(guess);
  // In the hour that a clock leaves out, the two guesses disagree for ever: either will do.
  return wallMs - zoneOffset(better) === better ? better : guess;
}

/** `UTC+2`, `UTC−3:30`, `UTC` of an instant. */
export function zoneLabel(ms: number): string {
  const minutes = Math.round(zoneOffset(ms) / 60_000);
  if (minutes === 0) return 'UTC';
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  const tail = rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`;
  return `UTC${minutes < 0 ? '−' : '+'}${String(hours)}${tail}`;
}
