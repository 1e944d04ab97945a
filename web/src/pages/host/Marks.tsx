import type { JSX } from 'react';

import type { Span } from '../../lib/range';
import { text } from '../../text';
import { SIGNS } from './markSigns';
import { type MarkGroup, describeMarks } from './marks';
import styles from './Tracks.module.css';

export interface MarksProps {
  readonly groups: readonly MarkGroup[];
  readonly span: Span;
  readonly onPin: (atMs: number) => void;
}

/** What happened, on the time axis: its text on hover, and a click shows that instant. */
export function Marks({ groups, span, onPin }: MarksProps): JSX.Element | null {
  if (groups.length === 0) return null;
  const length = span.toMs - span.fromMs;
  return (
    <div className={styles.marks} role="group" aria-label={text.host.marks.label}>
      {groups.map((group) => {
        const lines = describeMarks(group);
        return (
          <button
            key={group.atMs}
            type="button"
            data-hint={lines.join('\n')}
            className={styles.mark}
            data-kind={group.kind}
            aria-label={lines.join('; ')}
            style={{ left: `${String(((group.atMs - span.fromMs) / length) * 100)}%` }}
            onClick={() => onPin(Math.round(group.atMs))}
          >
            {group.marks.length > 1 ? group.marks.length : SIGNS[group.kind]}
          </button>
        );
      })}
    </div>
  );
}
