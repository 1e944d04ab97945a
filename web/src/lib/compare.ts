/** The earlier time that a view is compared with. */
export type Comparison = '1d' | '7d';

export const COMPARISONS: readonly Comparison[] = ['1d', '7d'];

const DAY = 86_400_000;

export function comparisonMs(comparison: Comparison): number {
  return comparison === '1d' ? DAY : 7 * DAY;
}
