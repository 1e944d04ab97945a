/**
 * Where the pointer is in time. It moves at the rate of the screen, so that it is a small store beside
 * React: only what shows it renders again.
 */
import { useSyncExternalStore } from 'react';

import type { Span } from '../lib/range';

export interface Cursor {
  /** The instant under the pointer, null when the pointer is elsewhere. */
  readonly hoverMs: number | null;
  /** The range being dragged. */
  readonly drag: Span | null;
}

const RESTING: Cursor = { hoverMs: null, drag: null };

export class CursorStore {
  private cursor = RESTING;
  private readonly listeners = new Set<() => void>();

  readonly get = (): Cursor => this.cursor;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  set(cursor: Cursor): void {
    const same =
      cursor.hoverMs === this.cursor.hoverMs &&
      cursor.drag?.fromMs === this.cursor.drag?.fromMs &&
      cursor.drag?.toMs === this.cursor.drag?.toMs;
    if (same) return;
    this.cursor = cursor;
    for (const listener of this.listeners) listener();
  }

  rest(): void {
    this.set(RESTING);
  }
}

export function useCursor(store: CursorStore): Cursor {
  return useSyncExternalStore(store.subscribe, store.get);
}
