import type { JSX } from 'react';

import { formatRatio } from '../../lib/format';
import type { Values } from '../../lib/plot';
import type { Span } from '../../lib/range';
import { type Grid, meanOver } from '../../lib/snap';
import type { EntitySeries } from '../../api/series';
import { text } from '../../text';
import styles from './Tracks.module.css';
import type { Format, Track, TrackId, TrackLine } from './tracks';

/** What the numbers beside a track are of: one bucket, or the mean of a range. */
export type Readout =
  { readonly kind: 'index'; readonly index: number } | { readonly kind: 'span'; readonly span: Span };

export function readValue(grid: Grid, values: Values, readout: Readout): number | null {
  return readout.kind === 'span' ? meanOver(grid, values, readout.span) : (values[readout.index] ?? null);
}

export interface TrackGutterProps {
  readonly id: TrackId;
  readonly track: Track | null;
  readonly overlay: readonly TrackLine[];
  readonly cores: readonly EntitySeries[];
  readonly grid: Grid;
  readonly readout: Readout;
  readonly folded: boolean;
  readonly onFold: () => void;
}

/** Name, main reading and legend of a track, all of the instant under the pointer. */
export function TrackGutter(props: TrackGutterProps): JSX.Element {
  const { id, track, overlay, cores, grid, readout, folded, onFold } = props;
  const { title, hint } = text.host.tracks[id];
  return (
    <div className={styles.gutter}>
      <div className={styles.head}>
        <button
          type="button"
          className={styles.fold}
          aria-expanded={!folded}
          aria-label={folded ? text.host.charts.unfold(title) : text.host.charts.fold(title)}
          title={hint}
          onClick={onFold}
        >
          <span className={styles.chevron} data-folded={folded || undefined} aria-hidden="true" />
          {title}
        </button>
        {track && (
          <span className={styles.headline}>
            {track.headline.format(readValue(grid, track.headline.values, readout))}
          </span>
        )}
      </div>
      {!folded && (
        <dl className={styles.legend} data-columns={track && track.lines.length > 2 ? 2 : 1}>
          <ProcessItem overlay={overlay} grid={grid} readout={readout} />
          {track?.lines.map((line) => (
            <LegendItem
              key={line.key}
              label={line.label}
              color={line.color}
              format={line.format}
              value={readValue(grid, line.values, readout)}
            />
          ))}
          {id === 'cores' && <CoresLegend cores={cores} />}
        </dl>
      )}
    </div>
  );
}

interface LegendItemProps {
  readonly label: string;
  readonly color: string;
  readonly value: number | null;
  readonly format: Format;
}

function LegendItem({ label, color, value, format }: LegendItemProps): JSX.Element {
  return (
    <div className={styles.item} data-zero={value === 0 || undefined}>
      <dt>
        <span className={styles.swatch} style={{ background: `var(--line-${color})` }} />
        {label}
      </dt>
      <dd>{format(value)}</dd>
    </div>
  );
}

interface ProcessItemProps {
  readonly overlay: readonly TrackLine[];
  readonly grid: Grid;
  readonly readout: Readout;
}

/** The chosen process, all of its lines in one row. */
function ProcessItem({ overlay, grid, readout }: ProcessItemProps): JSX.Element | null {
  if (overlay.length === 0) return null;
  const values = overlay.map(({ label, format, values: all }) =>
    `${label} ${format(readValue(grid, all, readout))}`.trim(),
  );
  return (
    <div className={styles.item} data-process>
      <dt>
        <span className={styles.swatch} style={{ background: 'var(--line-process)' }} />
        {overlay.length === 1 && text.host.lines.process}
      </dt>
      <dd>{values.join('  ')}</dd>
    </div>
  );
}

function CoresLegend({ cores }: { readonly cores: readonly EntitySeries[] }): JSX.Element | null {
  const newest = cores
    .map(({ columns }) => (columns['cpu_used_ratio'] ?? []).findLast((value) => value != null))
    .filter((value) => value != null);
  if (newest.length === 0) return null;
  const names = text.host.lines;
  return (
    <>
      <LegendItem
        label={names.busiest}
        color="red"

        format={formatRatio}
        value={Math.max(...newest)}
      />
      <LegendItem
        label={names.idlest}
        color="blue"

        format={formatRatio}
        value={Math.min(...newest)}
      />
    </>
  );
}
