import { type RefObject, useEffect, useRef } from 'react';

/** The newest value, for what reads it later: it stays the same object, so that nothing is drawn anew for it. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  }, [value]);
  return latest;
}
