import type { JSX } from 'react';

import { serverNow } from '../../api/client';
import type { Host } from '../../api/hosts';
import { Link } from '../../components/Link';
import { MoreIcon } from '../../components/icons';
import { formatDuration } from '../../lib/format';
import { hostPath } from '../../state/router';
import { text } from '../../text';
import styles from './HostName.module.css';
import type { FleetRow } from './fleetRows';

export interface HostNameProps {
  readonly row: FleetRow;
  /** Absent: whoever looks may not change it. */
  readonly onChange: ((host: Host) => void) | undefined;
}

/** State and name of a host, which lead to it from everywhere in the row or card that they stand in. */
export function HostName({ row, onChange }: HostNameProps): JSX.Element {
  const { host } = row;
  return (
    <div className={styles.name}>
      <Link to={hostPath(host.name)} className={styles.link}>
        <span className={styles.dot} data-state={row.state} role="img" aria-label={text.state[row.state]} />
        <span className={styles.text}>{host.name}</span>
      </Link>
      <span className={styles.sub}>{subtitle(row)}</span>
      {onChange && (
        <button
          type="button"
          className={styles.change}
          aria-label={text.fleet.change.open(host.name)}
          onClick={() => onChange(host)}
        >
          <MoreIcon />
        </button>
      )}
    </div>
  );
}

function subtitle({ host, state }: FleetRow): string {
  if (state !== 'up') {
    if (host.lastSeenMs === null) return text.fleet.neverSeen;
    return text.fleet.lastSeen(formatDuration((serverNow() - host.lastSeenMs) / 1000));
  }
  const { facts } = host;
  if (!facts) return '';
  return [facts.os, facts.cpu_cores === null ? '' : text.host.facts.cores(facts.cpu_cores)]
    .filter((part) => part !== '')
    .join(' · ');
}
