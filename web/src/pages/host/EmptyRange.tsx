import type { JSX } from 'react';

import { serverNow } from '../../api/client';
import { Notice } from '../../components/Notice';
import { formatDuration } from '../../lib/format';
import { text } from '../../text';
import styles from './HostPage.module.css';

/** Nothing was recorded in the range: when there was something, and the way there. */
export function EmptyRange(props: {
  readonly lastSeenMs: number | null;
  readonly onShow: (ms: number) => void;
}): JSX.Element {
  const { lastSeenMs, onShow } = props;
  const words = text.host.charts.empty;
  return (
    <div className={styles.cover}>
      {lastSeenMs === null ? (
        <Notice card title={words.title} detail={words.never} />
      ) : (
        <Notice
          card
          title={words.title}
          detail={words.detail(formatDuration((serverNow() - lastSeenMs) / 1000))}
          action={{ label: words.show, run: () => onShow(lastSeenMs) }}
        />
      )}
    </div>
  );
}
