import { type JSX, useEffect, useRef } from 'react';

import { heatColor } from '../../lib/heatColor';
import { type ColorScheme, palettes } from '../../palette';
import type { Heat } from './heat';

export interface HeatCanvasProps {
  readonly heat: Heat;
  readonly width: number;
  readonly height: number;
  readonly scheme: ColorScheme;
}

/** Browsers draw no canvas beyond this. */
const MOST_PIXELS = 16_000;

/** One row per host, one rectangle per bucket; nothing where nothing was recorded. */
export function HeatCanvas({ heat, width, height, scheme }: HeatCanvasProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!canvas.current || !context || width === 0 || height === 0) return;
    const ratio = Math.min(window.devicePixelRatio, MOST_PIXELS / height);
    canvas.current.width = Math.round(width * ratio);
    canvas.current.height = Math.round(height * ratio);
    context.scale(ratio, ratio);
    const colors = palettes[scheme].heat;
    const rowHeight = height / heat.rows.length;
    const gap = rowHeight > 7 ? 1 : 0;
    heat.rows.forEach(({ values }, row) => {
      const cellWidth = width / Math.max(1, values.length);
      values.forEach((value, index) => {
        if (value === null) return;
        context.fillStyle = heatColor(colors, value / heat.top);
        const left = Math.floor(index * cellWidth);
        const right = Math.ceil((index + 1) * cellWidth);
        context.fillRect(left, row * rowHeight, right - left, rowHeight - gap);
      });
    });
  }, [heat, width, height, scheme]);
  return <canvas ref={canvas} style={{ width, height, display: 'block' }} aria-hidden="true" />;
}
