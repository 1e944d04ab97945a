/** How a reading is written, by the name of its column: base units stand at its end. */
import {
  ABSENT,
  formatBytes,
  formatBytesShort,
  formatCores,
  formatCount,
  formatDuration,
  formatNumber,
  formatRate,
  formatRatio,
} from './format';
import { bytesAbove, roundAbove, stepAbove } from './plot';

type Format = (value: number | null | undefined) => string;

export interface Unit {
  readonly format: Format;
  readonly axis: Format;
  /** The top of an axis for values up to `highest`. */
  readonly fit: (highest: number) => number;
}

export const plainNumber: Format = (value) =>
  value == null || Math.abs(value) >= 100 ? formatCount(value) : trimmed(formatNumber(value, 2));

const trimmed = (digits: string): string => digits.replace(/\.?0+$/, '') || '0';

const suffixed =
  (suffix: string, format: Format = plainNumber): Format =>
  (value) =>
    value == null ? ABSENT : format(value) + suffix;

const like = (format: Format, least: number): Unit => ({
  format,
  axis: format,
  fit: (highest) => roundAbove(highest, least),
});

const inBytes = (format: Format, suffix: string, least: number): Unit => ({
  format,
  axis: (value) => formatBytesShort(value) + suffix,
  fit: (highest) => bytesAbove(highest, least),
});

const SHARES = [0.01, 0.05, 0.1, 0.25, 0.5, 1];

const RATIO: Unit = {
  format: formatRatio,
  axis: (value) => formatRatio(value, (value ?? 0) < 0.1 ? 1 : 0),
  fit: (highest) => (highest > 1 ? roundAbove(highest, 1) : stepAbove(highest, SHARES)),
};

/** The first that matches counts. */
const UNITS: readonly (readonly [RegExp, Unit])[] = [
  [/^(processes_)?cpu_(user_|system_)?ratio$/, like(formatCores, 0.1)],
  [/_ratio(_max)?$/, RATIO],
  [/bytes_per_second$/, inBytes(formatRate, '/s', 10 * 1024)],
  [/bits_per_second$/, like(suffixed('bit/s', formatCount), 1000)],
  [/_bytes(_max)?$/, inBytes(formatBytes, '', 1024)],
  [/celsius(_max)?$/, like(suffixed(' °C'), 10)],
  [/_rpm$/, like(suffixed(' rpm', formatCount), 100)],
  [/_watts$/, like(suffixed(' W'), 1)],
  [/_ms$/, like((value) => formatDuration(value == null ? value : value / 1000), 1)],
  [/_us$/, like((value) => formatDuration(value == null ? value : value / 1e6), 1)],
  [/_seconds$/, like(formatDuration, 1)],
  [/_per_second$/, like(suffixed('/s'), 1)],
];

const PLAIN = like(plainNumber, 1);

export function unitOf(column: string): Unit {
  return UNITS.find(([name]) => name.test(column))?.[1] ?? PLAIN;
}

/** `disk_read_bytes_per_second` → `disk read`: what no language has a word for. */
export function plainName(column: string): string {
  return column
    .replace(/_(bytes|bits)?_?per_second$|_(ratio|bytes|celsius|ms|us|seconds)(?=$|_max$)/, '')
    .replaceAll('_', ' ');
}
