import { type JSX, useEffect } from 'react';

import type { EntitySeries } from '../../../api/series';
import { ErrorNotice } from '../../../components/Notice';
import type { Comparison } from '../../../lib/compare';
import { text } from '../../../text';
import type { SectionId } from '../sectionIds';
import { type RowShared, TrackRow } from '../TrackRow';
import { sectionTrackHeight } from '../trackHeights';
import styles from '../Tracks.module.css';
import type { Track, TrackLine } from '../trackParts';
import type { Asked } from '../useHostSeries';
import { useSection } from './useSection';

export interface SectionTracksProps {
  readonly id: SectionId;
  readonly asked: Asked;
  readonly row: RowShared;
  readonly compare: Comparison | null;
  /** Told what is shown, for who saves the charts. */
  readonly onTracks: (id: SectionId, tracks: readonly Track[]) => void;
}

const NO_LINES: readonly TrackLine[] = [];
const NO_CORES: readonly EntitySeries[] = [];
const NO_TRACKS: readonly Track[] = [];

/** The charts of a section, below its head. */
export function SectionTracks({ id, asked, row, compare, onTracks }: SectionTracksProps): JSX.Element {
  const { tracks, ghosts, loading, error, retry } = useSection(id, asked, row, compare);
  useEffect(() => onTracks(id, tracks), [id, tracks, onTracks]);
  useEffect(() => () => onTracks(id, NO_TRACKS), [id, onTracks]);
  if (error) {
    return (
      <div className={styles.quiet} data-above>
        <ErrorNotice error={error} onRetry={retry} />
      </div>
    );
  }
  if (tracks.length === 0) {
    return (
      <p className={styles.quiet} role={loading ? 'status' : undefined}>
        {loading ? text.common.loading : text.sections.none[id]}
      </p>
    );
  }
  return (
    <>
      {tracks.map((track) => {
        const behind = ghosts.get(track.id as never) ?? NO_LINES;
        return (
          <TrackRow
            key={track.id}
            id={track.id}
            {...{ track, row }}
            overlay={NO_LINES}
            ghosts={behind}
            cores={NO_CORES}
            height={sectionTrackHeight(track, row.folded.includes(track.id), row.stats, behind.length > 0)}
          />
        );
      })}
    </>
  );
}
