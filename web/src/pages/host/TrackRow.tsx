import { type JSX, type ReactNode, memo, useMemo } from 'react';

import type { EntitySeries } from '../../api/series';
import { maxOf } from '../../lib/plot';
import type { Span } from '../../lib/range';
import { type Grid, snap } from '../../lib/snap';
import type { Gap } from '../../lib/gaps';
import type { ColorScheme } from '../../palette';
import { type CursorStore, useCursor } from '../../state/cursor';
import { CoresPlot } from './CoresPlot';
import { isolate } from './isolate';
import { AXIS_WIDTH } from './paneWidth';
import { type Readout, TrackGutter } from './TrackGutter';
import { TrackPlot } from './TrackPlot';
import styles from './Tracks.module.css';
import type { Track, TrackId, TrackLine } from './trackParts';

/** What all tracks of a page have in common. */
export interface RowShared {
  readonly span: Span;
  readonly grid: Grid;
  readonly gaps: readonly Gap[];
  readonly cursor: CursorStore;
  /** What the numbers are of while the pointer is elsewhere. */
  readonly readout: Readout;
  readonly width: number;
  readonly ticks: number;
  readonly scheme: ColorScheme;
  readonly folded: readonly string[];
  readonly onFold: (id: TrackId) => void;
  readonly only: readonly string[];
  readonly onOnly: (name: string, more: boolean) => void;
  readonly stats: boolean;
  /** What the lines of an earlier time are called. */
  readonly ghostName: string;
}

export interface TrackRowProps {
  readonly id: TrackId;
  readonly row: RowShared;
  readonly track: Track | null;
  readonly overlay: readonly TrackLine[];
  readonly ghosts: readonly TrackLine[];
  readonly cores: readonly EntitySeries[];
  readonly height: number;
  readonly control?: ReactNode;
  readonly onClose?: (() => void) | undefined;
}

/** One chart with its name, main reading and legend. */
export function TrackRow(props: TrackRowProps): JSX.Element {
  const { id, row, track, overlay, ghosts, cores, height } = props;
  const { span, width, scheme, ticks, only, gaps, grid } = row;
  return (
    <div className={styles.track} style={{ height }} data-track={id}>
      <Gutter {...props} />
      {!row.folded.includes(id) && width > 0 && (
        <Plot
          {...{ id, span, width, scheme, ticks, only, track, overlay, ghosts, gaps, grid, cores }}
          height={height - 1}
        />
      )}
    </div>
  );
}

/** Follows the pointer; the plot beside it does not. */
function Gutter({ id, row, track, overlay, ghosts, cores, control, onClose }: TrackRowProps): JSX.Element {
  const { cursor, grid, only, onOnly, stats, ghostName, folded, onFold } = row;
  const { hoverMs, drag } = useCursor(cursor);
  const hovered: Readout | null = drag
    ? { kind: 'span', span: drag }
    : hoverMs === null
      ? null
      : { kind: 'index', index: snap(grid, hoverMs).index };
  return (
    <TrackGutter
      {...{ id, track, overlay, ghosts, cores, grid, only, onOnly, stats, ghostName, control, onClose }}
      readout={hovered ?? row.readout}
      folded={folded.includes(id)}
      onFold={() => onFold(id)}
    />
  );
}

interface PlotProps extends Pick<RowShared, 'only' | 'grid' | 'span' | 'width' | 'scheme' | 'ticks'> {
  readonly id: TrackId;
  readonly track: Track | null;
  readonly overlay: readonly TrackLine[];
  readonly ghosts: readonly TrackLine[];
  readonly gaps: readonly Span[];
  readonly cores: readonly EntitySeries[];
  readonly height: number;
}

const NO_LINES: readonly TrackLine[] = [];

const Plot = memo(function Plot(props: PlotProps): JSX.Element | null {
  const { id, track, overlay, ghosts, only, gaps, grid, cores, span, width, height, scheme, ticks } = props;
  const shown = useMemo(() => track && isolate(track, only, grid, gaps), [track, only, grid, gaps]);
  const lines = useMemo(
    () => (shown?.lines ?? NO_LINES).filter((line) => line.drawn.length > 0).concat(ghosts, overlay),
    [shown, ghosts, overlay],
  );
  if (id === 'cores') return <CoresPlot {...{ cores, span, width, height, scheme }} />;
  if (!shown) return null;
  const ghostMax = maxOf(ghosts.map((ghost) => ghost.drawn));
  return (
    <TrackPlot
      {...{ span, lines, height, scheme, ticks }}
      timeMs={grid.timeMs}
      bucketMs={grid.bucketMs}
      max={ghostMax > shown.max ? shown.fit(ghostMax) : shown.max}
      axis={shown.axis}
      width={width + AXIS_WIDTH}
    />
  );
});
