import type { JSX } from 'react';

import { formatRatio } from '../../lib/format';
import { text } from '../../text';
import styles from './FleetTable.module.css';
import type { GroupRow } from './fleetGroups';

/** What a group of hosts is called, and how it is as a whole. */
export function GroupName({ group }: { readonly group: GroupRow }): JSX.Element {
  const { columns } = text.fleet;
  const states: Readonly<Record<string, string>> = text.state;
  return (
    <>
      {group.name === null ? text.fleet.ungrouped : (states[group.name] ?? group.name)}
      <span className={styles.groupFacts}>
        {[
          text.fleet.hosts(group.hosts),
          text.fleet.up(group.up),
          `${columns.cpu} ${formatRatio(group.cpu)}`,
          `${columns.memory} ${formatRatio(group.memory)}`,
        ].join(' · ')}
      </span>
    </>
  );
}
