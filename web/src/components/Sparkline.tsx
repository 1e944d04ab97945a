import type { JSX } from 'react';

import type { Values } from '../lib/plot';

export interface SparklineProps {
  readonly values: Values;
  readonly max: number;
  readonly label: string;
  readonly width?: number;
  readonly height?: number;
}

/** A line without axes. Gaps stay gaps. */
export function Sparkline({ values, max, label, width = 110, height = 24 }: SparklineProps): JSX.Element {
  const { line, area } = sparklinePaths(values, max, width, height);
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${String(width)} ${String(height)}`}
      role="img"
      aria-label={label}
    >
      <path d={area} fill="var(--accent)" opacity="0.16" />
      <path d={line} fill="none" stroke="var(--accent)" strokeWidth="1.25" strokeLinejoin="round" />
    </svg>
  );
}

/** Paths of a line through the values that are there, and of the area below it. */
export function sparklinePaths(
  values: Values,
  max: number,
  width: number,
  height: number,
): { line: string; area: string } {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let line = '';
  let area = '';
  let start: number | null = null;
  let x = 0;
  values.forEach((value, index) => {
    if (value === undefined) return;
    if (value === null) {
      if (start !== null) area += `L${round(x)} ${String(height)}L${round(start)} ${String(height)}Z`;
      start = null;
      return;
    }
    x = index * step;
    const point = `${round(x)} ${round(height - 1 - (Math.min(value, max) / max) * (height - 2))}`;
    line += (start === null ? 'M' : 'L') + point;
    area += (start === null ? 'M' : 'L') + point;
    start ??= x;
  });
  if (start !== null) area += `L${round(x)} ${String(height)}L${round(start)} ${String(height)}Z`;
  return { line, area };
}

const round = (value: number): string => value.toFixed(1);
