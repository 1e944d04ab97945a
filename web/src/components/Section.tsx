import type { JSX, ReactNode } from 'react';

import styles from './Section.module.css';

/** A page of sections below each other. */
export function SectionPage({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ReactNode;
}): JSX.Element {
  return (
    <div className={styles.page}>
      <h1>{title}</h1>
      {children}
    </div>
  );
}

export interface SectionProps {
  readonly title: string;
  readonly intro?: string;
  /** What can be done, beside the title. */
  readonly action?: ReactNode;
  readonly children: ReactNode;
}

export function Section({ title, intro, action, children }: SectionProps): JSX.Element {
  return (
    <section className={styles.section} aria-label={title}>
      <div className={styles.head}>
        <h2>{title}</h2>
        {action}
      </div>
      {intro !== undefined && <p className={styles.intro}>{intro}</p>}
      {children}
    </section>
  );
}

export interface PlainColumn<T> {
  readonly label: string;
  readonly cell: (row: T) => ReactNode;
  readonly numeric?: boolean;
  /** Of sentences: on several lines where there is no room. */
  readonly wraps?: boolean;
  /** Of buttons: as narrow as they are. */
  readonly action?: boolean;
}

export interface PlainTableProps<T> {
  readonly label: string;
  readonly columns: readonly PlainColumn<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly isFaint?: (row: T) => boolean;
}

/** A table that is read, not worked with: no sorting, no virtual rows. */
export function PlainTable<T>(props: PlainTableProps<T>): JSX.Element {
  const { label, columns, rows, keyOf, isFaint } = props;
  const classOf = ({ numeric, action, wraps }: PlainColumn<T>): string | undefined =>
    numeric ? styles.number : action ? styles.action : wraps ? styles.wraps : undefined;
  return (
    <div className={styles.scroll}>
      <table className={styles.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.label} scope="col" className={classOf(column)}>
                {column.action ? <span className="visually-hidden">{column.label}</span> : column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-faint={isFaint?.(row) || undefined}>
              {columns.map((column) => (
                <td key={column.label} className={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
