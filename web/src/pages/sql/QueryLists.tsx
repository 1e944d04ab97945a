import { ActionIcon } from '@mantine/core';
import type { JSX } from 'react';

import type { SqlSchema } from '../../api/sql';
import { CloseIcon } from '../../components/icons';
import { text } from '../../text';
import { EXAMPLES } from './examples';
import { type SavedQuery, briefly } from './queries';
import styles from './SqlPage.module.css';

export interface QueryListsProps {
  readonly saved: readonly SavedQuery[];
  readonly history: readonly string[];
  readonly schema: SqlSchema;
  readonly onPick: (query: string) => void;
  readonly onForget: (name: string) => void;
  readonly onForgetHistory: () => void;
}

/** Queries to start from: one's own, those that were run, examples; and what there is to ask. */
export function QueryLists(props: QueryListsProps): JSX.Element {
  const { saved, history, schema, onPick, onForget, onForgetHistory } = props;
  const words = text.sql;
  return (
    <aside className={styles.lists} aria-label={words.lists}>
      <Group title={words.saved} open={saved.length > 0}>
        {saved.map(({ name, query }) => (
          <li key={name}>
            <button type="button" className={styles.pick} title={query} onClick={() => onPick(query)}>
              {name}
            </button>
            <ActionIcon
              size="xs"
              variant="subtle"
              color="gray"
              aria-label={words.forget(name)}
              onClick={() => onForget(name)}
            >
              <CloseIcon />
            </ActionIcon>
          </li>
        ))}
        {saved.length === 0 && <li className={styles.nothing}>{words.nothingSaved}</li>}
      </Group>
      <Group title={words.examplesTitle} open>
        {EXAMPLES.map(({ name, query }) => (
          <li key={name}>
            <button type="button" className={styles.pick} title={query} onClick={() => onPick(query)}>
              {name}
            </button>
          </li>
        ))}
      </Group>
      <Group title={words.history} open={history.length > 0}>
        {history.map((query) => (
          <li key={query}>
            <button type="button" className={styles.pick} title={query} onClick={() => onPick(query)}>
              {briefly(query)}
            </button>
          </li>
        ))}
        {history.length > 0 ? (
          <li>
            <button type="button" className={styles.forget} onClick={onForgetHistory}>
              {words.forgetHistory}
            </button>
          </li>
        ) : (
          <li className={styles.nothing}>{words.nothingRun}</li>
        )}
      </Group>
      <Group title={words.tables} open={false}>
        {Object.entries(schema).map(([table, columns]) => (
          <li key={table}>
            <details className={styles.columns}>
              <summary>{table}</summary>
              <p>{columns.join(', ')}</p>
            </details>
          </li>
        ))}
      </Group>
    </aside>
  );
}

function Group(props: {
  readonly title: string;
  readonly open: boolean;
  readonly children: React.ReactNode;
}): JSX.Element {
  return (
    <details className={styles.group} open={props.open}>
      <summary>{props.title}</summary>
      <ul>{props.children}</ul>
    </details>
  );
}
