import { type JSX, type MouseEvent, type ReactNode, memo } from 'react';

import { formatRatio } from '../../lib/format';
import { type Values, extentOf } from '../../lib/plot';
import type { Span } from '../../lib/range';
import { type Grid, meanOver } from '../../lib/snap';
import type { EntitySeries } from '../../api/series';
import { Link } from '../../components/Link';
import { CloseIcon, OpenIcon } from '../../components/icons';
import { text } from '../../text';
import { lineName } from './isolate';
import { legendColumns } from './trackHeights';
import styles from './Tracks.module.css';
import {
  type Format,
  type Track,
  type TrackId,
  type TrackLine,
  isSectionTrack,
  trackWords,
} from './trackParts';

/** What the numbers beside a track are of: one bucket, or the mean of a range. */
export type Readout =
  | { readonly kind: 'index'; readonly index: number; readonly newest?: boolean }
  | { readonly kind: 'span'; readonly span: Span };

export function readValue(grid: Grid, values: Values, readout: Readout): number | null {
  return readout.kind === 'span' ? meanOver(grid, values, readout.span) : (values[readout.index] ?? null);
}

/** Of the newest: a track that is asked for on its own may be a few buckets behind. */
const BEHIND_BUCKETS = 20;

export function reached(track: Track | null, readout: Readout): Readout {
  if (!track || readout.kind !== 'index' || !readout.newest) return readout;
  const last = track.headline.values.findLastIndex((value) => value != null);
  const isBehind = last >= 0 && last < readout.index && readout.index - last <= BEHIND_BUCKETS;
  return isBehind ? { kind: 'index', index: last } : readout;
}

export interface TrackGutterProps {
  readonly id: TrackId;
  readonly track: Track | null;
  readonly overlay: readonly TrackLine[];
  readonly ghosts: readonly TrackLine[];
  /** What the ghosts are of. */
  readonly ghostName: string;
  readonly cores: readonly EntitySeries[];
  readonly grid: Grid;
  readonly readout: Readout;
  readonly folded: boolean;
  readonly onFold: () => void;
  readonly only: readonly string[];
  readonly onOnly: (name: string, more: boolean) => void;
  /** Least, mean and most of the view in place of single values. */
  readonly stats: boolean;
  /** What stands beside the name: a choice of what the track is of. */
  readonly control?: ReactNode;
  /** Takes the track away. */
  readonly onClose?: (() => void) | undefined;
}

/** Name, main reading and legend of a track, all of the instant under the pointer. */
export function TrackGutter(props: TrackGutterProps): JSX.Element {
  const { id, track, overlay, ghosts, cores, grid, folded, onFold, only, onOnly, stats } = props;
  const readout = reached(track, props.readout);
  const { title, hint, full } = trackWords(id);
  return (
    <div className={styles.gutter}>
      <div className={styles.head}>
        <button
          type="button"
          className={styles.fold}
          aria-expanded={!folded}
          aria-label={folded ? text.host.charts.unfold(full) : text.host.charts.fold(full)}
          title={hint}
          onClick={onFold}
        >
          <span className={styles.chevron} data-folded={folded || undefined} aria-hidden="true" />
          {title}
        </button>
        {!folded && props.control}
        {props.onClose && (
          <button
            type="button"
            className={styles.close}
            aria-label={text.host.charts.close(title)}
            onClick={props.onClose}
          >
            <CloseIcon />
          </button>
        )}
        {track && (
          <span className={styles.headline}>
            {track.headline.format(readValue(grid, track.headline.values, readout))}
          </span>
        )}
      </div>
      {!folded && stats && track && <StatsLegend {...props} track={track} />}
      {!folded && !(stats && track) && (
        <dl
          className={styles.legend}
          data-columns={track && legendColumns(track)}
          data-names={hasLongNames(id) || undefined}
        >
          <OverlayItem
            kind="process"
            name={text.host.lines.process}
            lines={overlay}
            grid={grid}
            readout={readout}
          />
          <OverlayItem kind="ghost" name={props.ghostName} lines={ghosts} grid={grid} readout={readout} />
          {track?.lines.map((line) => (
            <LegendItem
              key={line.key}
              value={readValue(grid, line.values, readout)}
              {...{ line, id, only, onOnly }}
            />
          ))}
          {id === 'cores' && <CoresLegend cores={cores} />}
          {track?.leftOut !== undefined && track.leftOut > 0 && (
            <div className={styles.item}>
              <dt>{text.sections.moreLines(track.leftOut)}</dt>
              <dd />
            </div>
          )}
        </dl>
      )}
    </div>
  );
}

/** Names of processes, disks and units are as long as they like. */
const hasLongNames = (id: TrackId): boolean => id === 'top' || isSectionTrack(id);

type Isolating = Pick<TrackGutterProps, 'id' | 'only' | 'onOnly'>;

/** The name of a line: a click shows it alone. */
const LineName = memo(function LineName(props: Isolating & { readonly line: TrackLine }): JSX.Element {
  const { line, id, only, onOnly } = props;
  const name = lineName(id, line.key);
  const isOff = !only.includes(name) && only.some((one) => one.startsWith(`${id}.`));
  const onClick = (event: MouseEvent): void => onOnly(name, event.shiftKey || event.metaKey || event.ctrlKey);
  return (
    <button
      type="button"
      className={styles.line}
      data-off={isOff || undefined}
      aria-pressed={only.includes(name)}
      title={(line.hint === undefined ? '' : `${line.hint}\n`) + text.host.charts.only(line.label)}
      onClick={onClick}
    >
      <span className={styles.swatch} data-swatch style={{ background: `var(--line-${line.color})` }} />
      <span className={styles.label}>{line.label}</span>
    </button>
  );
});

interface LegendItemProps extends Isolating {
  readonly line: TrackLine;
  readonly value: number | null;
}

/** Drawn again when its number changes, and its name only when that does. */
const LegendItem = memo(function LegendItem(props: LegendItemProps): JSX.Element {
  const { line, value, id, only, onOnly } = props;
  return (
    <div className={styles.item} data-zero={value === 0 || undefined}>
      <dt>
        <LineName {...{ line, id, only, onOnly }} />
      </dt>
      <dd>
        {line.format(value)}
        {line.note && (
          <span className={styles.note} data-bad={line.note.bad || undefined}>
            {line.note.text}
          </span>
        )}
        {line.href !== undefined && (
          <Link to={line.href} className={styles.page} title={text.host.charts.page(line.hint ?? line.label)}>
            <OpenIcon />
          </Link>
        )}
      </dd>
    </div>
  );
});

/** Least, mean and most of each line over the view. */
function StatsLegend(props: TrackGutterProps & { readonly track: Track }): JSX.Element {
  const { id, only, onOnly, track, ghosts, overlay, ghostName } = props;
  const words = text.host.charts.stats;
  const rows = track.lines
    .map((line) => ({ line, name: <LineName {...{ line, id, only, onOnly }} /> }))
    .concat(
      overlay.map((line) => ({ line, name: <>{`${text.host.lines.process} ${line.label}`.trim()}</> })),
      ghosts.map((line) => ({ line, name: <>{`${ghostName} ${line.label}`.trim()}</> })),
    );
  return (
    <table className={styles.stats}>
      <thead className="visually-hidden">
        <tr>
          <th scope="col">{words.line}</th>
          <th scope="col">{words.min}</th>
          <th scope="col">{words.mean}</th>
          <th scope="col">{words.max}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ line, name }) => {
          const extent = extentOf(line.values);
          return (
            <tr key={line.key}>
              <th scope="row">{name}</th>
              <td title={words.min}>{brief(line, extent?.min)}</td>
              <td title={words.mean}>{brief(line, extent?.mean)}</td>
              <td title={words.max}>{brief(line, extent?.max)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** That a rate is per second, the axis says: three of them leave no room for it. */
const brief = (line: TrackLine, value: number | undefined): string => line.format(value).replace(/\/s$/, '');

interface OverlayItemProps {
  readonly kind: 'process' | 'ghost';
  readonly name: string;
  readonly lines: readonly TrackLine[];
  readonly grid: Grid;
  readonly readout: Readout;
}

/** The chosen process, or the earlier time: all of its lines in one row. */
function OverlayItem({ kind, name, lines, grid, readout }: OverlayItemProps): JSX.Element | null {
  if (lines.length === 0) return null;
  const values = lines.map(({ label, format, values: all }) =>
    `${label} ${format(readValue(grid, all, readout))}`.trim(),
  );
  return (
    <div
      className={styles.item}
      data-process={kind === 'process' || undefined}
      data-ghost={kind === 'ghost' || undefined}
    >
      <dt>
        <span className={styles.swatch} data-swatch style={{ background: `var(--line-${kind})` }} />
        {(lines.length === 1 || kind === 'ghost') && name}
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
      <PlainItem label={names.busiest} color="red" format={formatRatio} value={Math.max(...newest)} />
      <PlainItem label={names.idlest} color="blue" format={formatRatio} value={Math.min(...newest)} />
    </>
  );
}

interface PlainItemProps {
  readonly label: string;
  readonly color: string;
  readonly value: number;
  readonly format: Format;
}

function PlainItem({ label, color, value, format }: PlainItemProps): JSX.Element {
  return (
    <div className={styles.item}>
      <dt>
        <span className={styles.swatch} data-swatch style={{ background: `var(--line-${color})` }} />
        {label}
      </dt>
      <dd>{format(value)}</dd>
    </div>
  );
}
