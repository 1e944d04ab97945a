import type { JSX } from 'react';

import styles from './Meter.module.css';

export interface MeterProps {
  /** From 0 to 1; null is absent and draws no bar. */
  readonly value: number | null;
  readonly label: string;
  /** From here on the bar is yellow, then red. */
  readonly warn?: number;
  readonly bad?: number;
}

/** A number with a bar below it. The number is the information; the bar is for the eye that scans a column. */
export function Meter({ value, label, warn = 0.75, bad = 0.9 }: MeterProps): JSX.Element {
  const level = value === null ? 'none' : value >= bad ? 'bad' : value >= warn ? 'warn' : 'good';
  const width = `${String(Math.min(1, Math.max(0, value ?? 0)) * 100)}%`;
  return (
    <div className={styles.meter} data-level={level}>
      <span className={styles.label}>{label}</span>
      <span className={styles.track} aria-hidden="true">
        <span className={styles.bar} style={{ width }} />
      </span>
    </div>
  );
}
