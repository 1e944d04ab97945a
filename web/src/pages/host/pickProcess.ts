import type { MouseEvent } from 'react';

import type { ProcessKey } from '../../api/processes';
import { snap } from '../../lib/snap';
import { isolate } from './isolate';
import { partAt, processOfLine } from './topTrack';
import { PLOT_PADDING } from './TrackPlot';
import type { HostSeries } from './useHostSeries';

/** Finds the process whose part of the stack was clicked. */
export function pickProcess(
  event: MouseEvent,
  ms: number,
  series: HostSeries,
  only: readonly string[],
  onProcess: (process: ProcessKey) => void,
): void {
  const row = event.currentTarget.parentElement?.querySelector('[data-track="top"]');
  const track = series.tracks.find(({ id }) => id === 'top');
  if (!row || !track) return;
  const { top, bottom } = row.getBoundingClientRect();
  if (event.clientY < top || event.clientY > bottom) return;
  const shown = isolate(track, only, series.grid, series.gaps);
  const height = bottom - top - 1 - PLOT_PADDING.top - PLOT_PADDING.bottom;
  const part = 1 - (event.clientY - top - PLOT_PADDING.top) / Math.max(1, height);
  const key = partAt(shown, snap(series.grid, ms).index, part * shown.max);
  const process = key === null ? null : processOfLine(key);
  if (process) onProcess(process);
}
