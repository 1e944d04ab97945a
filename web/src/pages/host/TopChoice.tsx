import type { JSX } from 'react';

import type { Resource } from '../../api/processes';
import { RESOURCES } from '../../state/hostAddress';
import { text } from '../../text';
import styles from './Tracks.module.css';

export interface TopChoiceProps {
  readonly value: Resource;
  readonly onChange: (resource: Resource) => void;
}

/** What the top processes are the top of. */
export function TopChoice({ value, onChange }: TopChoiceProps): JSX.Element {
  const words = text.host.top;
  return (
    <select
      className={styles.choice}
      aria-label={words.by}
      value={value}
      onChange={({ currentTarget }) =>
        onChange(RESOURCES.find((known) => known === currentTarget.value) ?? 'cpu')
      }
    >
      {RESOURCES.map((one) => (
        <option key={one} value={one}>
          {words.resources[one]}
        </option>
      ))}
    </select>
  );
}
