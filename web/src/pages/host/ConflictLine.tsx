import type { JSX } from 'react';

import type { HostConflict } from '../../api/hosts';
import { parseTime } from '../../api/wire';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import styles from './ConflictLine.module.css';

/** Says that two machines share this host's identity, and which they are. */
export function ConflictLine({ conflict }: { readonly conflict: HostConflict }): JSX.Element {
  const words = text.host.conflict;
  const other = words.machine(conflict.host_name, conflict.address);
  const connected =
    conflict.connected_address === null
      ? null
      : words.machine(conflict.connected_host_name ?? '', conflict.connected_address);
  const sinceMs = parseTime(conflict.since);
  return (
    <p className={styles.line} role="alert">
      <strong>{words.title}</strong> {words.who(connected, other)}{' '}
      {sinceMs !== null && words.since(formatDateTime(sinceMs))} {words.remedy}
    </p>
  );
}
