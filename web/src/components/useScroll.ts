import { type RefObject, useEffect, useRef, useState } from 'react';

import { useSize } from './useSize';

/** Before anything is laid out. */
const USUAL_HEIGHT = 800;

export interface Scroll {
  readonly top: number;
  readonly height: number;
  readonly width: number;
}

/** What can be seen of an element that scrolls, kept up to date once per frame; `guess` is its height as long as it is not laid out. */
export function useScroll(element: RefObject<HTMLElement | null>, guess = 0): Scroll {
  const { width, height } = useSize(element, { width: guess === 0 ? 0 : window.innerWidth, height: guess });
  const [top, setTop] = useState(0);
  const frame = useRef(0);
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const onScroll = (): void => {
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(() => setTop(target.scrollTop));
    };
    target.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      cancelAnimationFrame(frame.current);
      target.removeEventListener('scroll', onScroll);
    };
  }, [element]);
  return { top, width, height: height === 0 ? USUAL_HEIGHT : height };
}
