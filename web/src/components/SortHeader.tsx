import type { JSX } from 'react';

import type { Sort } from '../state/hostAddress';
import styles from './SortHeader.module.css';

export interface SortHeaderProps {
  readonly column: string;
  readonly label: string;
  readonly hint?: string | undefined;
  readonly numeric: boolean;
  /** Words that begin with the worst. */
  readonly descends?: boolean | undefined;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

/** A column's head that sorts by it: numbers from the largest, words from A. */
export function SortHeader(props: SortHeaderProps): JSX.Element {
  const { column, label, hint, numeric, descends = numeric, sort, onSort } = props;
  const active = sort.column === column;
  const direction = active ? (sort.descending ? 'descending' : 'ascending') : 'none';
  const next = { column, descending: active ? !sort.descending : descends };
  return (
    <th scope="col" aria-sort={direction} className={styles.head} data-numeric={numeric || undefined}>
      <button type="button" className={styles.button} title={hint} onClick={() => onSort(next)}>
        <span className={styles.label}>{label}</span>
        <span className={styles.arrow} aria-hidden="true">
          {active ? (sort.descending ? '↓' : '↑') : ''}
        </span>
      </button>
    </th>
  );
}
