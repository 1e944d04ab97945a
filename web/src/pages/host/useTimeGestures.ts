/** What a pointer does over the charts. */
import {
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useRef,
} from 'react';

import { type Span, spanOf } from '../../lib/range';
import { type Grid, snap, snapSpan } from '../../lib/snap';
import type { CursorStore } from '../../state/cursor';

export interface TimeActions {
  readonly pin: (atMs: number | null) => void;
  readonly select: (span: Span | null) => void;
  readonly zoomTo: (span: Span) => void;
  /** With `smooth`, one of many small steps: the back button takes them all at once. */
  readonly zoomBy: (factor: number, aroundMs: number, smooth?: boolean) => void;
  readonly pan: (fraction: number, smooth?: boolean) => void;
  /** Back to the view of time before this one. */
  readonly undo: () => void;
}

export interface GestureInput {
  readonly span: Span;
  readonly grid: Grid;
  readonly pinMs: number | null;
  readonly cursor: CursorStore;
  readonly actions: TimeActions;
  readonly onPointerInside: (inside: boolean) => void;
  readonly onPick?: ((event: MouseEvent, ms: number) => void) | undefined;
}

/** A pointer that moved less than this was held still: a click, not a drag. */
const DRAG_PIXELS = 4;
const ZOOM_OUT = 2;
const WHEEL_ZOOM = 1.25;
const WHEEL_PAN = 0.1;

export function useGestures(
  { span, grid, pinMs, cursor, actions, onPointerInside, onPick }: GestureInput,
  element: RefObject<HTMLDivElement | null>,
): object {
  const pressed = useRef<{ x: number; ms: number; dragged: boolean } | null>(null);
  const wasDrag = useRef(false);
  const pinBefore = useRef<number | null>(null);

  const msAt = (clientX: number): number => {
    const box = element.current?.getBoundingClientRect();
    if (!box || box.width === 0) return span.toMs;
    const part = Math.min(1, Math.max(0, (clientX - box.left) / box.width));
    return span.fromMs + part * (span.toMs - span.fromMs);
  };
  const rest = (): void => {
    cursor.rest();
    onPointerInside(false);
  };
  const onButton = (event: PointerEvent | MouseEvent): boolean =>
    event.target instanceof Element && event.target.closest('button') !== null;

  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0 || onButton(event)) return;
      pressed.current = { x: event.clientX, ms: msAt(event.clientX), dragged: false };
      wasDrag.current = false;
      element.current?.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      onPointerInside(true);
      const ms = msAt(event.clientX);
      const press = pressed.current;
      if (press && Math.abs(event.clientX - press.x) >= DRAG_PIXELS) press.dragged = true;
      const drag = press?.dragged ? snapSpan(grid, spanOf(press.ms, ms)) : null;
      cursor.set({ hoverMs: onButton(event) && !drag ? null : snap(grid, ms).atMs, drag });
    },
    onPointerUp: (event: PointerEvent) => {
      const press = pressed.current;
      pressed.current = null;
      if (!press?.dragged) return;
      wasDrag.current = true;
      const dragged = spanOf(press.ms, msAt(event.clientX));
      cursor.set({ ...cursor.get(), drag: null });
      if (event.shiftKey) actions.zoomTo(dragged);
      else actions.select(snapSpan(grid, dragged));
    },
    onPointerCancel: () => {
      pressed.current = null;
      rest();
    },
    onPointerLeave: () => {
      if (!pressed.current) rest();
    },
    onClick: (event: MouseEvent) => {
      if (wasDrag.current || onButton(event)) {
        wasDrag.current = false;
        return;
      }
      // Of a double click only the first one counts here, and the double click takes it back.
      if (event.detail > 1) return;
      pinBefore.current = pinMs;
      const at = snap(grid, msAt(event.clientX));
      const isSame = pinMs !== null && snap(grid, pinMs).drawnMs === at.drawnMs;
      actions.pin(isSame ? null : at.atMs);
      if (!isSame) onPick?.(event, msAt(event.clientX));
    },
    onDoubleClick: (event: MouseEvent) => {
      if (onButton(event)) return;
      actions.pin(pinBefore.current);
      actions.zoomBy(ZOOM_OUT, msAt(event.clientX));
    },
    onKeyDown: (event: KeyboardEvent) => {
      // The arrow keys of a slider: the page's keys do it, whatever has the focus.
      if (event.key === 'Home' || event.key === 'End') event.preventDefault();
    },
  };
}

/** Wheel with Ctrl zooms, with Shift pans; without either the page scrolls as ever. */
export function useWheel(element: RefObject<HTMLDivElement | null>, span: Span, actions: TimeActions): void {
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const onWheel = (event: WheelEvent): void => {
      if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return;
      event.preventDefault();
      const box = target.getBoundingClientRect();
      const delta = event.deltaY === 0 ? event.deltaX : event.deltaY;
      if (event.shiftKey) {
        actions.pan(Math.sign(delta) * WHEEL_PAN, true);
      } else {
        const part = (event.clientX - box.left) / box.width;
        const around = span.fromMs + part * (span.toMs - span.fromMs);
        actions.zoomBy(delta > 0 ? WHEEL_ZOOM : 1 / WHEEL_ZOOM, around, true);
      }
    };
    // React's own wheel listeners are passive and could not keep the browser from zooming the page.
    target.addEventListener('wheel', onWheel, { passive: false });
    return () => target.removeEventListener('wheel', onWheel);
  }, [element, span, actions]);
}
