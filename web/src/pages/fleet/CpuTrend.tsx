import type { JSX } from 'react';

import type { Host } from '../../api/hosts';
import { Sparkline } from '../../components/Sparkline';
import { formatCount, formatDuration } from '../../lib/format';
import { bridge, usualSpacing } from '../../lib/plot';
import { text } from '../../text';
import styles from './FleetTable.module.css';
import { TREND_MS, totalMs, trendGaps, useTrend } from './trends';

interface TrendProps {
  readonly host: Host;
  readonly width?: number;
}

/** How busy the host was of late; asked for where it can be seen only. */
export function CpuTrend({ host, width = 96 }: TrendProps): JSX.Element {
  const { timeMs = [], values = [], bucketMs = 1 } = useTrend(host.id) ?? {};
  const bridged = bridge(timeMs, values, usualSpacing(timeMs, values, bucketMs));
  return <Sparkline values={bridged} max={1} label={text.fleet.sparklineHint} width={width} />;
}

/** Whether something of the host is missing in the time that its line shows, and what is still to come. */
export function GapMark({ host }: { readonly host: Host }): JSX.Element | null {
  const trend = useTrend(host.id);
  const missing = trend ? totalMs(trendGaps(trend, host)) : 0;
  const waiting = host.bufferedFrames;
  if (missing === 0 && waiting === 0) return null;
  const words = text.fleet.gap;
  const hints = [
    missing === 0 ? null : words.missing(formatDuration(missing / 1000), formatDuration(TREND_MS / 1000)),
    waiting === 0 ? null : words.waiting(formatCount(waiting)),
  ].filter((hint) => hint !== null);
  return (
    <span className={styles.gap} data-hint={hints.join(' ')}>
      {missing > 0 && (
        <>
          <span className={styles.hatch} aria-hidden="true" />
          {formatDuration(missing / 1000)}
        </>
      )}
      {waiting > 0 && <span aria-hidden="true">↑{missing > 0 ? '' : formatCount(waiting)}</span>}
      <span className="visually-hidden">{hints.join(' ')}</span>
    </span>
  );
}
