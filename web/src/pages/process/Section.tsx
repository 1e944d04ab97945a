import type { JSX, ReactNode } from 'react';

import styles from './ProcessPage.module.css';

export interface SectionProps {
  readonly title: string;
  /** Of a table with many columns. */
  readonly isWide?: boolean;
  readonly children: ReactNode;
}

/** A part of the page with its heading. */
export function Section({ title, isWide = false, children }: SectionProps): JSX.Element {
  return (
    <section className={styles.section} data-wide={isWide || undefined} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
