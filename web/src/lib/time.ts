/**
 * Instants as text and back. All times in the page are milliseconds since the epoch; they are shown in
 * the browser's time zone and written to addresses in UTC.
 */

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

function clock(date: Date, seconds: boolean): string {
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return seconds ? `${minutes}:${pad(date.getSeconds())}` : minutes;
}

function day(date: Date): string {
  return `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** `03:12:05` */
export function formatClock(ms: number): string {
  return clock(new Date(ms), true);
}

/** `2026-11-20 03:12:05`; the date is left out for an instant of the same day as `nowMs`. */
export function formatInstant(ms: number, nowMs: number): string {
  const date = new Date(ms);
  return day(date) === day(new Date(nowMs)) ? clock(date, true) : `${day(date)} ${clock(date, true)}`;
}

/** `2026-11-20 03:12:05` */
export function formatDateTime(ms: number): string {
  const date = new Date(ms);
  return `${day(date)} ${clock(date, true)}`;
}

/** Both ends of a range, the date only where it helps. */
export function formatRange(fromMs: number, toMs: number, nowMs: number): string {
  const to =
    day(new Date(fromMs)) === day(new Date(toMs)) ? clock(new Date(toMs), true) : formatDateTime(toMs);
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

/** The value of an `<input type="datetime-local" step="1">`: local time, no zone. */
export function toLocalInput(ms: number): string {
  const date = new Date(ms);
  return `${day(date)}T${clock(date, true)}`;
}

export function fromLocalInput(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
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

/** Round instants between `fromMs` and `toMs`, at most `most` of them, aligned to local time. */
export function timeTicks(fromMs: number, toMs: number, most: number): TimeTick[] {
  if (!(toMs > fromMs) || most < 1) return [];
  const step = STEPS.find((candidate) => (toMs - fromMs) / candidate <= most) ?? 28 * DAY;
  const ticks: TimeTick[] = [];
  for (let ms = firstTick(fromMs, step); ms < toMs; ms = nextTick(ms, step)) {
    const date = new Date(ms);
    const major = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    ticks.push({ ms, major, label: major ? day(date) : clock(date, step < MINUTE) });
  }
  return ticks;
}

function firstTick(fromMs: number, step: number): number {
  const midnight = new Date(fromMs);
  midnight.setHours(0, 0, 0, 0);
  const start = midnight.getTime();
  if (step > DAY) return start >= fromMs ? start : nextTick(start, DAY);
  return start + Math.ceil((fromMs - start) / step) * step;
}

/** Days are stepped by the calendar, so that midnight stays midnight when clocks change. */
function nextTick(ms: number, step: number): number {
  if (step < DAY) return ms + step;
  const date = new Date(ms);
  date.setDate(date.getDate() + step / DAY);
  return date.getTime();
}
