import type { JSX } from 'react';

import type { Host } from '../../api/hosts';
import { Sparkline } from '../../components/Sparkline';
import { formatCount, formatDuration } from '../../lib/format';
import { bridge, usualSpacing } from '../../lib/plot';
import { text } from '../../text';
import styles from './FleetTable.module.css';
import { useTrend } from './trends';

/** An agent keeps what the server has not stored yet: the snapshots of a minute or two, each second at most. */
const USUALLY_WAITING = 120;

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

interface GapMarkProps {
  readonly host: Host;
  /** What stands where it is not known. */
  readonly absent?: string | null;
}

/** How much of the host's last day is missing, and what is still to come. */
export function GapMark({ host, absent = null }: GapMarkProps): JSX.Element | null {
  const { count, missingSeconds } = host.gaps ?? { count: 0, missingSeconds: 0 };
  const missing = formatDuration(missingSeconds);
  const waiting = host.bufferedFrames > USUALLY_WAITING ? host.bufferedFrames : 0;
  if (count === 0 && waiting === 0) return host.gaps ? null : <>{absent}</>;
  const words = text.fleet.gap;
  const hints = [
    count === 0 ? null : words.missing(missing, count),
    waiting === 0 ? null : words.waiting(formatCount(waiting)),
  ].filter((hint) => hint !== null);
  return (
    <span className={styles.gap} data-hint={hints.join(' ')}>
      {count > 0 && (
        <>
          <span className={styles.hatch} aria-hidden="true" />
          {missing}
        </>
      )}
      {waiting > 0 && <span aria-hidden="true">↑{count > 0 ? '' : formatCount(waiting)}</span>}
      <span className="visually-hidden">{hints.join(' ')}</span>
    </span>
  );
}
