export interface Window {
  readonly first: number;
  readonly last: number;
  readonly before: number;
  readonly after: number;
}

/** Which of `count` rows of one height are to be drawn, and the empty space that stands for the others. */
export function rowWindow(
  count: number,
  rowHeight: number,
  scrollTop: number,
  height: number,
  spare = 8,
): Window {
  const top = Math.max(0, Math.min(scrollTop, count * rowHeight - height));
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + spare);
  return { first, last, before: first * rowHeight, after: (count - last) * rowHeight };
}

/** Where lines of these heights begin, and at the end where the last one ends. */
export function lineTops(heights: readonly number[]): readonly number[] {
  const tops = [0];
  for (const height of heights) tops.push((tops.at(-1) ?? 0) + height);
  return tops;
}

/** The same for lines of several heights, which begin at `tops`. */
export function lineWindow(tops: readonly number[], scrollTop: number, height: number, spare = 3): Window {
  const count = Math.max(0, tops.length - 1);
  const end = tops.at(-1) ?? 0;
  const top = Math.max(0, Math.min(scrollTop, end - height));
  const first = Math.max(0, lineAt(tops, top) - spare);
  const last = Math.min(count, lineAt(tops, top + height) + 1 + spare);
  return { first, last, before: tops[first] ?? 0, after: end - (tops[last] ?? end) };
}

/** The line that begins at or before `y`. */
function lineAt(tops: readonly number[], y: number): number {
  let [low, high] = [0, tops.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((tops[middle] ?? Infinity) <= y) low = middle;
    else high = middle;
  }
  return low;
}
