import { type RefObject, useEffect, useState } from 'react';
import { flushSync } from 'react-dom';

import { useSize } from './useSize';

/** Before anything is laid out. */
const USUAL_HEIGHT = 800;

export interface Scroll {
  readonly top: number;
  readonly height: number;
  readonly width: number;
}

/**
 * What can be seen of an element that scrolls, kept up to date once per frame; `top` in whole steps of `step` pixels, so that nothing
 * is drawn anew below that; `guess` is its height as long as it is not laid out.
 */
export function useScroll(element: RefObject<HTMLElement | null>, step: number, guess = 0): Scroll {
  const { width, height } = useSize(element, { width: guess === 0 ? 0 : window.innerWidth, height: guess });
  const [top, setTop] = useState(0);
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    // Told once per frame, before it is painted: drawn later, all of it would be painted twice.
    const onScroll = (): void => flushSync(() => setTop(Math.floor(target.scrollTop / step) * step));
    target.addEventListener('scroll', onScroll, { passive: true });
    return () => target.removeEventListener('scroll', onScroll);
  }, [element, step]);
  return { top, width, height: height === 0 ? USUAL_HEIGHT : height };
}
