import { NativeSelect } from '@mantine/core';
import type { JSX } from 'react';

import type { Sort } from '../../state/hostAddress';
import { text } from '../../text';
import styles from './FleetPage.module.css';
import { FLEET_COLUMNS } from './fleetColumns';

export interface SortChoiceProps {
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

/** The order of cards, which have no heads to click. */
export function SortChoice({ sort, onSort }: SortChoiceProps): JSX.Element {
  const { columns, sortBy } = text.fleet;
  const sorted = FLEET_COLUMNS.filter(({ plain }) => plain !== true);
  return (
    <NativeSelect
      size="xs"
      className={styles.choice}
      aria-label={sortBy}
      value={sort.column}
      onChange={({ currentTarget: { value } }) => {
        const column = sorted.find(({ id }) => id === value);
        onSort({ column: value, descending: column ? (column.descends ?? column.numeric) : false });
      }}
      data={[
        { value: 'name', label: `${sortBy}: ${columns.name}` },
        ...sorted.map(({ id }) => ({ value: id, label: `${sortBy}: ${columns[id]}` })),
      ]}
    />
  );
}
