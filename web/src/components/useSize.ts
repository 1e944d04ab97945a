import { type RefObject, useLayoutEffect, useRef, useState } from 'react';

/** Before anything is laid out. */
const UNKNOWN = { width: 0, height: 0 };

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The size of an element as it is laid out, kept up to date. A good guess saves drawing everything twice at first, and laying
 * it out before all of it is there.
 */
export function useSize(element: RefObject<HTMLElement | null>, guess: Size = UNKNOWN): Size {
  const [size, setSize] = useState<Size>(guess);
  const isKnown = useRef(guess.height > 0);
  useLayoutEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = target;
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }));
    };
    if (!isKnown.current) measure();
    const observer = new ResizeObserver(measure);
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return size;
}
