/** How wide the charts are drawn in a pane. */
const GUTTER_WIDTH = 236;
/** On a narrow screen a track has its name and main reading only. */
const NARROW_GUTTER_WIDTH = 108;
const NARROW_PANE = 720;
export const AXIS_WIDTH = 64;

export const isNarrowPane = (pane: number): boolean => pane < NARROW_PANE;

export const gutterWidth = (pane: number): number =>
  isNarrowPane(pane) ? NARROW_GUTTER_WIDTH : GUTTER_WIDTH;

export const chartWidth = (pane: number): number => Math.max(0, pane - gutterWidth(pane) - AXIS_WIDTH);
