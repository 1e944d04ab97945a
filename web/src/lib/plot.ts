/** Pure shaping of series for charts. `null` is a gap that breaks a line; `undefined` is bridged. */
import type { Span } from './range';

export type Values = readonly (number | null | undefined)[];

/** A silence longer than this many usual distances between snapshots is a gap. */
const GAP_FACTOR = 2.5;

/**
 * The usual distance between buckets that hold something: the median, so that gaps do not count. Buckets
 * can be finer than the snapshots are apart.
 */
export function usualSpacing(timeMs: readonly number[], values: Values, bucketMs: number): number {
  // All lines of a chart ask it of the same column.
  const known = spacings.get(values);
  if (known?.timeMs === timeMs && known.bucketMs === bucketMs) return known.spacing;
  const spacing = findSpacing(timeMs, values, bucketMs);
  spacings.set(values, { timeMs, bucketMs, spacing });
  return spacing;
}

const spacings = new WeakMap<
  Values,
  { readonly timeMs: readonly number[]; readonly bucketMs: number; readonly spacing: number }
>();

function findSpacing(timeMs: readonly number[], values: Values, bucketMs: number): number {
  const distances: number[] = [];
  let previous: number | null = null;
  values.forEach((value, index) => {
    const time = timeMs[index];
    if (value == null || time === undefined) return;
    if (previous !== null) distances.push(time - previous);
    previous = time;
  });
  distances.sort((a, b) => a - b);
  return Math.max(bucketMs, distances[Math.floor(distances.length / 2)] ?? bucketMs);
}

/** Turns nulls between snapshots that are close enough into `undefined`, which charts bridge. */
export function bridge(timeMs: readonly number[], values: Values, spacingMs: number): Values {
  const bridged = [...values];
  let last = -1;
  for (let index = 0; index < bridged.length; index += 1) {
    if (bridged[index] == null) continue;
    const silence = last < 0 ? Infinity : (timeMs[index] ?? 0) - (timeMs[last] ?? 0);
    if (index - last > 1 && silence <= GAP_FACTOR * spacingMs) bridged.fill(undefined, last + 1, index);
    last = index;
  }
  return bridged;
}

/** The stretches of `span` for which there is no snapshot, to be marked in the charts. */
export function findGaps(timeMs: readonly number[], values: Values, bucketMs: number, span: Span): Span[] {
  const spacing = usualSpacing(timeMs, values, bucketMs);
  const gaps: Span[] = [];
  let endMs = span.fromMs;
  let afterData = false;
  const note = (nextMs: number): void => {
    // What came before the range or comes after it is unknown: allow for one snapshot that is just outside.
    const allowed = spacing * (GAP_FACTOR - 1);
    if (nextMs - endMs > allowed) gaps.push({ fromMs: endMs, toMs: nextMs });
  };
  values.forEach((value, index) => {
    const time = timeMs[index];
    if (value == null || time === undefined) return;
    note(time);
    endMs = time + bucketMs;
    afterData = true;
  });
  note(span.toMs);
  return afterData ? gaps : [span];
}

/** Sums for a stacked chart: line `i` becomes the sum of lines `0..=i`. A sum without parts is a gap. */
export function stack(lines: readonly Values[]): (number | null | undefined)[][] {
  const length = Math.max(0, ...lines.map((line) => line.length));
  const sums: (number | null | undefined)[][] = [];
  const below = Array.from<number | null | undefined>({ length }).fill(null);
  for (const line of lines) {
    const sum = below.map((floor, index) => {
      const value = line[index];
      if (value == null) return floor ?? value;
      return (floor ?? 0) + value;
    });
    sums.push(sum);
    sum.forEach((value, index) => {
      below[index] = value;
    });
  }
  return sums;
}

export interface Extent {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** Least, mean and most of the values that are there; null when none is. */
export function extentOf(values: Values): Extent | null {
  let [min, max, total, count] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (value == null) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    total += value;
    count += 1;
  }
  return count === 0 ? null : { min, mean: total / count, max };
}

export function maxOf(lines: readonly Values[]): number {
  let max = 0;
  for (const line of lines) {
    for (const value of line) if (value != null && value > max) max = value;
  }
  return max;
}

/** The first of `steps` that leaves a little air above `max`. */
export function stepAbove(max: number, steps: readonly number[]): number {
  return steps.find((step) => step >= max * 1.02) ?? steps.at(-1) ?? max;
}

const BYTE_STEPS = [
  1, 2, 4, 6, 8, 10, 16, 20, 32, 40, 64, 80, 100, 128, 200, 256, 400, 512, 800, 1024,
] as const;

/** A round number of bytes above `max`, at least `least`. */
export function bytesAbove(max: number, least: number): number {
  const target = Math.max(max * 1.02, least);
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(target) / 10));
  return (BYTE_STEPS.find((step) => step * unit >= target) ?? 1024) * unit;
}

/** A round number (1, 2, 5 times a power of ten) above `max`, at least `least`. */
export function roundAbove(max: number, least: number): number {
  const target = Math.max(max * 1.02, least);
  const unit = 10 ** Math.floor(Math.log10(target));
  return ([1, 2, 5, 10].find((step) => step * unit >= target * 0.999_999) ?? 10) * unit;
}

/** Index of the bucket that holds `ms`, or the nearest one; -1 without buckets. */
export function bucketAt(timeMs: readonly number[], bucketMs: number, ms: number): number {
  if (timeMs.length === 0) return -1;
  let low = 0;
  let high = timeMs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((timeMs[middle] ?? 0) <= ms) low = middle;
    else high = middle - 1;
  }
  const next = timeMs[low + 1];
  const past = ms - ((timeMs[low] ?? 0) + bucketMs);
  return next !== undefined && past > 0 && next - ms < past ? low + 1 : low;
}

/**
 * The bucket nearest to `ms` whose value is there, looking no further than `reach` buckets; -1 in a gap.
 * With buckets finer than snapshots the bucket under the pointer is often an empty one.
 */
export function filledBucketNear(values: Values, index: number, reach: number): number {
  for (let distance = 0; distance <= reach; distance += 1) {
    if (values[index - distance] != null) return index - distance;
    if (values[index + distance] != null) return index + distance;
  }
  return -1;
}

/** `values`, whose buckets start at `from`, as values for buckets that start at `to`. */
export function align(to: readonly number[], from: readonly number[], values: Values): (number | null)[] {
  const index = new Map(from.map((ms, position) => [ms, position]));
  return to.map((ms) => {
    const position = index.get(ms);
    return position === undefined ? null : (values[position] ?? null);
  });
}
