import { useCallback, useEffect, useRef, useState } from 'react';

/** A pointer that has not moved for this long was left lying on the charts. */
const ABANDONED_MS = 20_000;

/** Whether somebody points at the charts: they stand still then, and follow "now" otherwise. */
export function usePointing(): readonly [boolean, (inside: boolean) => void] {
  const [pointing, setPointing] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const onPointer = useCallback((inside: boolean) => {
    clearTimeout(timer.current);
    setPointing(inside);
    if (inside) timer.current = setTimeout(() => setPointing(false), ABANDONED_MS);
  }, []);
  return [pointing, onPointer];
}
