import { type JSX, Suspense, lazy, memo, useEffect, useRef, useState } from 'react';

import type { Comparison } from '../../lib/compare';
import { text } from '../../text';
import { SECTION_IDS, type SectionId } from './sectionIds';
import type { RowShared } from './TrackRow';
import styles from './Tracks.module.css';
import type { Track } from './trackParts';
import type { Asked } from './useHostSeries';

/** Who does not unfold a section does not load its code. */
const Late = lazy(async () => ({ default: (await import('./sections/SectionTracks')).SectionTracks }));

export interface SectionsProps {
  readonly open: readonly string[];
  readonly onToggle: (id: SectionId) => void;
  /** What the charts asked the server for; null before that is known. */
  readonly asked: Asked | null;
  readonly row: RowShared;
  readonly compare: Comparison | null;
  readonly onTracks: (id: SectionId, tracks: readonly Track[]) => void;
}

/** Below the charts that are always there: those sections that are unfolded, and the names of the others. */
export const Sections = memo(function Sections(props: SectionsProps): JSX.Element {
  const { open, onToggle } = props;
  const words = text.sections;
  const shown = SECTION_IDS.filter((id) => open.includes(id));
  const others = SECTION_IDS.filter((id) => !open.includes(id));
  // What somebody unfolds is where they look next; what was unfolded before is not.
  const [fresh, setFresh] = useState<SectionId | null>(null);
  return (
    <>
      {shown.map((id) => (
        <OpenSection key={id} id={id} {...props} isFresh={fresh === id} />
      ))}
      {others.length > 0 && (
        <div className={styles.strip} role="group" aria-label={words.more}>
          <span aria-hidden="true">{words.more}</span>
          <ul>
            {others.map((id) => (
              <li key={id}>
                <button
                  type="button"
                  className={styles.chip}
                  aria-expanded={false}
                  aria-label={words.show(words.titles[id])}
                  onClick={() => {
                    setFresh(id);
                    onToggle(id);
                  }}
                >
                  {words.titles[id]}
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
});

type OpenSectionProps = SectionsProps & { readonly id: SectionId; readonly isFresh: boolean };

function OpenSection({
  id,
  isFresh,
  onToggle,
  asked,
  row,
  compare,
  onTracks,
}: OpenSectionProps): JSX.Element {
  const words = text.sections;
  const title = words.titles[id];
  const head = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isFresh) head.current?.scrollIntoView({ block: 'start' });
  }, [isFresh]);
  const loading = <p className={styles.quiet}>{text.common.loading}</p>;
  return (
    <section className={styles.section} aria-label={title} data-section={id}>
      <div className={styles.sectionHead} ref={head}>
        <button
          type="button"
          className={styles.fold}
          aria-expanded
          aria-label={words.fold(title)}
          onClick={() => onToggle(id)}
        >
          <span className={styles.chevron} aria-hidden="true" />
          {title}
        </button>
      </div>
      <Suspense fallback={loading}>
        {asked ? <Late {...{ id, asked, row, compare, onTracks }} /> : loading}
      </Suspense>
    </section>
  );
}
