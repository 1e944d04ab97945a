/** The colour of a share from 0 to 1: equal steps, so that equal colours mean equal load. */
export function heatColor(heat: readonly string[], value: number): string {
  const step = Math.round(Math.min(1, Math.max(0, value)) * (heat.length - 1));
  return heat[step] ?? 'transparent';
}
