/**
 * Instants as text and back. All times in the page are milliseconds since the epoch; they are shown in
 * the zone that was chosen and written to addresses in UTC.
 */
import { fromWall, toWall } from './zone';

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** Both of what `toWall` made. */
function clock(date: Date, seconds: boolean): string {
  const minutes = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
  return seconds ? `${minutes}:${pad(date.getUTCSeconds())}` : minutes;
}

function day(date: Date): string {
  return `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
}

/** `03:12:05` */
export function formatClock(ms: number): string {
  return clock(toWall(ms), true);
}

/** `2026-11-20 03:12:05`; the date is left out for an instant of the same day as `nowMs`. */
export function formatInstant(ms: number, nowMs: number): string {
  const date = toWall(ms);
  return day(date) === day(toWall(nowMs)) ? clock(date, true) : `${day(date)} ${clock(date, true)}`;
}

/** `2026-11-20 03:12:05` */
export function formatDateTime(ms: number): string {
  const date = toWall(ms);
  return `${day(date)} ${clock(date, true)}`;
}

/** Both ends of a range, the date only where it helps. */
export function formatRange(fromMs: number, toMs: number, nowMs: number): string {
  const to = day(toWall(fromMs)) === day(toWall(toMs)) ? clock(toWall(toMs), true) : formatDateTime(toMs);
  return `${formatInstant(fromMs, nowMs)} – ${to}`;
}

/** Short UTC form for addresses: `2026-11-20T03:12:05Z`, with milliseconds only where there are any. */
export function encodeInstant(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

/** Reads what `encodeInstant` wrote, any RFC 3339 time, or milliseconds since the epoch. */
export function decodeInstant(text: string | null): number | null {
  if (text == null || text === '') return null;
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}

/** The value of an `<input type="datetime-local" step="1">`: what the clock shows, no zone. */
export function toLocalInput(ms: number): string {
  const date = toWall(ms);
  return `${day(date)}T${clock(date, true)}`;
}

export function fromLocalInput(text: string): number | null {
  const wall = Date.parse(`${text}Z`);
  return Number.isFinite(wall) ? fromWall(wall) : null;
}

export interface TimeTick {
  readonly ms: number;
  readonly label: string;
  /** True where a day begins: the label is a date. */
  readonly major: boolean;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS = [
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  28 * DAY,
] as const;

/** Round instants between `fromMs` and `toMs`, at most `most` of them, aligned to the clock. */
export function timeTicks(fromMs: number, toMs: number, most: number): TimeTick[] {
  if (!(toMs > fromMs) || most < 1) return [];
  const step = STEPS.find((candidate) => (toMs - fromMs) / candidate <= most) ?? 28 * DAY;
  const ticks: TimeTick[] = [];
  for (let ms = firstTick(fromMs, step); ms < toMs; ms = nextTick(ms, step)) {
    const date = toWall(ms);
    const major = date.getTime() % DAY === 0;
    ticks.push({ ms, major, label: major ? day(date) : clock(date, step < MINUTE) });
  }
  return ticks;
}

function firstTick(fromMs: number, step: number): number {
  const start = fromWall(Math.floor(toWall(fromMs).getTime() / DAY) * DAY);
  if (step > DAY) return start >= fromMs ? start : nextTick(start, DAY);
  return start + Math.ceil((fromMs - start) / step) * step;
}

/** Days are stepped by the calendar, so that midnight stays midnight when clocks change. */
function nextTick(ms: number, step: number): number {
  if (step < DAY) return ms + step;
  return fromWall(toWall(ms).getTime() + step);
}
