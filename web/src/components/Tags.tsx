import type { JSX } from 'react';

import styles from './Tags.module.css';

export interface TagsProps {
  readonly tags: readonly string[];
}

/** Tags of a host, as small words in a row. */
export function Tags({ tags }: TagsProps): JSX.Element {
  return (
    <>
      {tags.map((tag) => (
        <span key={tag} className={styles.tag} title={tag}>
          {tag}
        </span>
      ))}
    </>
  );
}
