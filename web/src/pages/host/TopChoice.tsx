import type { JSX } from 'react';

import type { Resource } from '../../api/processes';
import { RESOURCES } from '../../state/hostAddress';
import { text } from '../../text';
import styles from './Tracks.module.css';

export interface TopChoiceProps {
  readonly value: Resource;
  readonly onChange: (resource: Resource) => void;
  /** There were too many processes to know who used most of all. */
  readonly incomplete?: boolean;
}

/** What the top processes are the top of. */
export function TopChoice({ value, onChange, incomplete = false }: TopChoiceProps): JSX.Element {
  const words = text.host.top;
  const choice = (
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
  if (!incomplete) return choice;
  return (
    <>
      {choice}
      <span
        className={styles.incomplete}
        role="note"
        aria-label={words.incomplete}
        data-hint={words.incomplete}
      >
        ≈
      </span>
    </>
  );
}
