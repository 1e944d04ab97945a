import { type RefObject, useEffect, useRef, useState } from 'react';

import { type Window as RowWindow, rowWindow } from '../lib/virtual';
import { useSize } from './useSize';

/** Draws only those rows of a scrolled list that can be seen. */
export function useRowWindow(
  element: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): RowWindow {
  const { height } = useSize(element);
  const [scrollTop, setScrollTop] = useState(0);
  const frame = useRef(0);
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const onScroll = (): void => {
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(() => setScrollTop(target.scrollTop));
    };
    target.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      cancelAnimationFrame(frame.current);
      target.removeEventListener('scroll', onScroll);
    };
  }, [element]);
  return rowWindow(count, rowHeight, scrollTop, height === 0 ? 800 : height);
}
