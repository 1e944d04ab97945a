import { type JSX, type KeyboardEvent, type PointerEvent, useRef } from 'react';

import styles from './Splitter.module.css';

export interface SplitterProps {
  readonly label: string;
  /** Height of the part above, in pixels. */
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly onChange: (value: number) => void;
  /** Double click: back to the height the page chooses. */
  readonly onReset: () => void;
}

const KEY_STEP = 24;

/** Divides the height between two parts. */
export function Splitter({ label, value, min, max, onChange, onReset }: SplitterProps): JSX.Element {
  const start = useRef<{ y: number; value: number } | null>(null);
  const move = (next: number): void => onChange(Math.round(Math.min(max, Math.max(min, next))));
  const onPointerDown = (event: PointerEvent<HTMLDivElement>): void => {
    start.current = { y: event.clientY, value };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent): void => {
    if (start.current) move(start.current.value + event.clientY - start.current.y);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    move(value + (event.key === 'ArrowDown' ? KEY_STEP : -KEY_STEP));
  };
  return (
    <div
      className={styles.splitter}
      role="slider"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={value}
      aria-valuemin={min}
      aria-valuemax={max}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={() => {
        start.current = null;
      }}
      onDoubleClick={onReset}
      onKeyDown={onKeyDown}
    />
  );
}
