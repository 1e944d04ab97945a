import { type JSX, useEffect, useRef } from 'react';

import type { EntitySeries } from '../../api/series';
import { heatColor } from '../../lib/heatColor';
import type { Span } from '../../lib/range';
import { type ColorScheme, palettes } from '../../palette';

export interface CoresPlotProps {
  readonly cores: readonly EntitySeries[];
  readonly span: Span;
  readonly width: number;
  readonly height: number;
  readonly scheme: ColorScheme;
}

/** One row per core, the hotter the busier. */
export function CoresPlot({ cores, span, width, height, scheme }: CoresPlotProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!canvas.current || !context) return;
    const ratio = window.devicePixelRatio;
    canvas.current.width = Math.round(width * ratio);
    canvas.current.height = Math.round(height * ratio);
    context.scale(ratio, ratio);
    draw(context, { cores, span, width, height, scheme });
  }, [cores, span, width, height, scheme]);
  return <canvas ref={canvas} style={{ width, height, display: 'block' }} aria-hidden="true" />;
}

function draw(
  context: CanvasRenderingContext2D,
  { cores, span, width, height, scheme }: CoresPlotProps,
): void {
  const { heat } = palettes[scheme];
  const rowHeight = height / Math.max(1, cores.length);
  const gap = rowHeight > 5 ? 1 : 0;
  const pixels = width / (span.toMs - span.fromMs);
  cores.forEach((core, row) => {
    const values = core.columns['cpu_used_ratio'] ?? [];
    core.timeMs.forEach((ms, index) => {
      const value = values[index];
      if (value == null) return;
      context.fillStyle = heatColor(heat, value);
      const left = Math.floor((ms - span.fromMs) * pixels);
      const right = Math.ceil((ms + core.bucketMs - span.fromMs) * pixels);
      context.fillRect(left, row * rowHeight, right - left, rowHeight - gap);
    });
  });
}
