/** Where in time somebody wants to go, as they type it: `1h`, `-30m`, `03:12`, `yesterday 3am`. */
import { decodeInstant } from './time';
import { fromWall, toWall } from './zone';

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const DAY = 86_400_000;

export interface JumpFrom {
  /** The instant that is shown. */
  readonly shownMs: number;
  readonly nowMs: number;
  /** Which way a length of time without a sign leads. */
  readonly direction: 1 | -1;
}

/**
 * The instant that `text` names; null when it names none. A length of time is counted from what is shown; a
 * time of day is the newest that is past.
 */
export function parseJump(text: string, { shownMs, nowMs, direction }: JumpFrom): number | null {
  const words = text.trim().toLowerCase();
  if (words === 'now' || words === '现在') return nowMs;
  const length = parseLengths(words);
  if (length !== null) {
    const sign = words.startsWith('-') ? -1 : words.startsWith('+') ? 1 : direction;
    return shownMs + sign * length;
  }
  return parseDayAndClock(words, nowMs) ?? absolute(text.trim());
}

/** `1h`, `+1h30m`, `-2d 4h` in milliseconds, without the sign. */
function parseLengths(words: string): number | null {
  if (!/^[+-]?\s*(\d+(\.\d+)?\s*[smhdw]\s*)+$/.test(words)) return null;
  let total = 0;
  for (const [, count, unit] of words.matchAll(/(\d+(?:\.\d+)?)\s*([smhdw])/g)) {
    total += Number(count) * (UNITS[unit ?? ''] ?? 0);
  }
  return Math.round(total);
}

const DAYS_BACK: Readonly<Record<string, number>> = { today: 0, yesterday: 1, 今天: 0, 昨天: 1 };
const CLOCK = /^(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm)?$/;

function parseDayAndClock(words: string, nowMs: number): number | null {
  const [first = '', ...rest] = words.split(/\s+/);
  const back = DAYS_BACK[first];
  const clockMs = parseClock((back === undefined ? words : rest.join(' ')).trim());
  const midnight = Math.floor(toWall(nowMs).getTime() / DAY) * DAY;
  if (back !== undefined) {
    if (rest.length > 0 && clockMs === null) return null;
    return fromWall(midnight - back * DAY + (clockMs ?? 0));
  }
  if (clockMs === null) return null;
  const today = fromWall(midnight + clockMs);
  return today <= nowMs ? today : fromWall(midnight - DAY + clockMs);
}

/** Milliseconds after midnight. `3` alone is no time of day, `3am` and `3:00` are. */
function parseClock(text: string): number | null {
  const match = CLOCK.exec(text);
  if (!match || (match[2] === undefined && match[4] === undefined)) return null;
  const half = match[4];
  const hour = Number(match[1]);
  if (half !== undefined && (hour < 1 || hour > 12)) return null;
  const hours = half === undefined ? hour : (hour % 12) + (half === 'pm' ? 12 : 0);
  const [minutes, seconds] = [Number(match[2] ?? 0), Number(match[3] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** A date and perhaps a time in the page's zone, or RFC 3339 with a zone of its own. */
function absolute(text: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?$/.exec(text);
  if (!match) return /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) ? decodeInstant(text) : null;
  const midnight = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  const clockMs = match[4] === undefined ? 0 : parseClock(match[4]);
  return clockMs === null ? null : fromWall(midnight + clockMs);
}
