import type { RefObject } from 'react';

import { type Window as RowWindow, rowWindow } from '../lib/virtual';
import { useScroll } from './useScroll';

/** Draws only those rows of a scrolled list that can be seen. */
export function useRowWindow(
  element: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
  guess?: number,
): RowWindow {
  const { top, height } = useScroll(element, rowHeight, guess);
  return rowWindow(count, rowHeight, top, height);
}
