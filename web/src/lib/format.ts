import { text } from '../text';

/**
 * Every number the page shows becomes text here. An absent value is a dash, never a zero.
 */

export const ABSENT = '–';

type Maybe = number | null | undefined;

function isAbsent(value: Maybe): value is null | undefined {
  return value == null || !Number.isFinite(value);
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1536` → `1.5 KiB`. Three significant digits at most, so that columns stay narrow. */
export function formatBytes(value: Maybe): string {
  if (isAbsent(value)) return ABSENT;
  const sign = value < 0 ? '-' : '';
  let size = Math.abs(value);
  let unit = 0;
  // 1023.5 KiB would print as "1024 KiB": go on to the next unit a little early.
  while (size >= 999.5 && unit < BINARY_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : 1;
  return `${sign}${size.toFixed(digits)} ${BINARY_UNITS[unit] ?? ''}`;
}

/** For axes, whose values are round: `64.0 GiB` → `64 GiB`. */
export function formatBytesShort(value: Maybe): string {
  return formatBytes(value).replace('.0 ', ' ');
}

/** Bytes per second: `1536` → `1.5 KiB/s`. */
export function formatRate(value: Maybe): string {
  return isAbsent(value) ? ABSENT : `${formatBytes(value)}/s`;
}

/** A share from 0 to 1 as a percentage: `0.1234` → `12.3%`. */
export function formatRatio(value: Maybe, digits = 1): string {
  return isAbsent(value) ? ABSENT : `${(value * 100).toFixed(digits)}%`;
}

/** CPU use in cores as a percentage of one core, as `top` shows it: `1.5` → `150%`. */
export function formatCores(value: Maybe): string {
  if (isAbsent(value)) return ABSENT;
  const percent = value * 100;
  return `${percent.toFixed(percent >= 999.95 ? 0 : 1)}%`;
}

/** A plain number with `digits` decimals: load, queue depth. */
export function formatNumber(value: Maybe, digits = 2): string {
  return isAbsent(value) ? ABSENT : value.toFixed(digits);
}

/** A count: exact below 10 000, then `12.3k`. */
export function formatCount(value: Maybe): string {
  if (isAbsent(value)) return ABSENT;
  const size = Math.abs(value);
  if (size < 9999.5) return value.toFixed(0);
  // 999.5k would print as "1000k": go on to the next unit a little early.
  const [step = 1, unit = ''] = text.units.counts.find(([one]) => size >= one * 0.9995) ?? [];
  const digits = size / step >= 99.95 ? 0 : 1;
  return `${(value / step).toFixed(digits)}${unit}`;
}

const DURATION_UNITS: readonly (readonly [string, number])[] = [
  [text.units.day, 86_400],
  [text.units.hour, 3_600],
  [text.units.minute, 60],
  [text.units.second, 1],
];

/** `61.4` → `61 °C`. */
export function formatCelsius(value: Maybe): string {
  return isAbsent(value) ? ABSENT : `${value.toFixed(0)} °C`;
}

/** A duration in its two largest units: `93784` → `1d 2h`, `75` → `1m 15s`, `0.25` → `250ms`. */
export function formatDuration(seconds: Maybe): string {
  const { second, millisecond, between } = text.units;
  if (isAbsent(seconds)) return ABSENT;
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds === 0) return `0${second}`;
  if (seconds < 0.9995) return `${Math.max(1, Math.round(seconds * 1000))}${millisecond}`;
  if (seconds < 9.95) return `${trimZeros(seconds.toFixed(1))}${second}`;
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [name, size] of DURATION_UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${String(count)}${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(between);
}

/** CPU time: `12.34` → `12.3s`, `754` → `12m 34s`. Finer than a duration at the low end. */
export function formatCpuSeconds(seconds: Maybe): string {
  if (isAbsent(seconds)) return ABSENT;
  if (seconds < 9.995) return `${seconds.toFixed(2)}${text.units.second}`;
  if (seconds < 99.95) return `${seconds.toFixed(1)}${text.units.second}`;
  return formatDuration(seconds);
}

function trimZeros(digits: string): string {
  return digits.replace(/\.0+$/, '');
}
