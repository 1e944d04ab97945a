import uPlot from 'uplot';
import { type JSX, useEffect, useRef } from 'react';

import type { Span } from '../../lib/range';
import type { ColorScheme, Palette } from '../../palette';
import { AXIS_WIDTH } from './paneWidth';
import type { Format, TrackLine } from './trackParts';

import { palettes, withAlpha } from '../../palette';
import { timeTicks } from '../../lib/time';

import 'uplot/dist/uPlot.min.css';

export interface TrackPlotProps {
  readonly span: Span;
  readonly timeMs: readonly number[];
  readonly bucketMs: number;
  readonly lines: readonly TrackLine[];
  readonly max: number;
  readonly axis: Format;
  readonly width: number;
  readonly height: number;
  readonly scheme: ColorScheme;
  readonly ticks: number;
}

/** Room that the plot leaves at its top and bottom. */
export const PLOT_PADDING = { top: 8, bottom: 1 } as const;
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- uPlot's enum exists in its types only
const RIGHT = 1 as uPlot.Axis.Side;

/** What the plot's callbacks read while it draws; they outlive any one render. */
interface Drawn {
  span: Span;
  max: number;
  axis: Format;
  ticks: number;
}

function seriesOptions(line: TrackLine, palette: Palette, bottom: boolean): uPlot.Series {
  const color = palette.line[line.color];
  const isProcess = line.color === 'process';
  const base: uPlot.Series = {
    stroke: color,
    // A stacked area has no outline: one of nothing would draw a line over the others.
    width: isProcess ? 2 : line.style === 'stacked' ? 0 : 1.25,
    points: { show: false },
  };
  if (line.style === 'dashed') return { ...base, dash: [4, 3] };
  if (line.style === 'ghost') return { ...base, width: 1.5, dash: [2, 3] };
  if (line.style === 'area') return { ...base, fill: withAlpha(color, palette.area) };
  if (line.style === 'stacked' && bottom) return { ...base, fill: withAlpha(color, palette.stackedArea) };
  return base;
}

/** In a stack each line but the lowest is filled down to the line below it. */
function stackBands(lines: readonly TrackLine[], palette: Palette): uPlot.Band[] {
  const stacked = lines
    .map((line, index) => ({ line, index: index + 1 }))
    .filter(({ line }) => line.style === 'stacked');
  return stacked.slice(1).map(({ line, index }, position) => ({
    series: [index, stacked[position]?.index ?? index],
    fill: withAlpha(palette.line[line.color], palette.stackedArea),
  }));
}

function plotOptions(props: TrackPlotProps, drawn: { readonly current: Drawn }): uPlot.Options {
  const palette = palettes[props.scheme];
  const grid = { stroke: palette.grid, width: 1 };
  const bottom = props.lines.findIndex((line) => line.style === 'stacked');
  return {
    width: props.width,
    height: props.height,
    ms: 1,
    padding: [PLOT_PADDING.top, 0, PLOT_PADDING.bottom, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [drawn.current.span.fromMs, drawn.current.span.toMs] },
      y: { range: () => [0, drawn.current.max] },
    },
    axes: [
      {
        size: 0,
        ticks: { show: false },
        values: () => [],
        grid,
        splits: () =>
          timeTicks(drawn.current.span.fromMs, drawn.current.span.toMs, drawn.current.ticks).map(
            (tick) => tick.ms,
          ),
      },
      {
        side: RIGHT,
        size: AXIS_WIDTH,
        gap: 6,
        font: '10.5px Inter, system-ui, sans-serif',
        stroke: palette.axis,
        ticks: { show: false },
        grid,
        splits: () => [0, drawn.current.max / 2, drawn.current.max],
        // Zero is the base line and needs no label; it would touch the track below.
        values: (_, splits) => splits.map((value) => (value === 0 ? '' : drawn.current.axis(value))),
      },
    ],
    series: [{}, ...props.lines.map((line, index) => seriesOptions(line, palette, index === bottom))],
    bands: stackBands(props.lines, palette),
  };
}

/** Draws lines and nothing else: pointer, crosshair and selection lie over all tracks at once. */
export function TrackPlot(props: TrackPlotProps): JSX.Element {
  const { span, timeMs, bucketMs, lines, max, axis, width, height, scheme, ticks } = props;
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const drawn = useRef<Drawn>({ span, max, axis, ticks });
  // A plot is made anew only when the lines themselves change, not their values.
  const shape = `${scheme}|${lines.map(({ key, style, color }) => `${key}:${style}:${color}`).join(',')}`;

  useEffect(() => {
    if (!element.current) return undefined;
    const made = new uPlot(plotOptions(props, drawn), [[]], element.current);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
    // oxlint-disable-next-line react/exhaustive-deps -- the shape stands for all that the options depend on
  }, [shape]);

  useEffect(() => {
    plot.current?.setSize({ width, height });
  }, [width, height, shape]);

  useEffect(() => {
    drawn.current = { span, max, axis, ticks };
    const centres = timeMs.map((ms) => ms + bucketMs / 2);
    plot.current?.setData([centres, ...lines.map((line) => [...line.drawn])]);
  }, [span, timeMs, bucketMs, lines, max, axis, ticks, shape]);

  return <div ref={element} aria-hidden="true" style={{ width, height }} />;
}
