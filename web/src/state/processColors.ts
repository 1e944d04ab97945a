/** The colours that processes have been given since the page was opened. */
import { useSyncExternalStore } from 'react';

import { type ColorBook, type Named, type SlotName, assignColors, colorOfName } from '../lib/processColors';
import { Store } from '../lib/store';

const book = new Store<ColorBook>(new Map());

export function giveColors(processes: readonly Named[]): void {
  book.set(assignColors(book.get(), processes));
}

export function useColorBook(): ColorBook {
  return useSyncExternalStore(book.subscribe, book.get);
}

/** Of one process: what it was given, else what its name asks for. */
export function useProcessColor(id: string, name: string | null): SlotName {
  return useColorBook().get(id) ?? colorOfName(name ?? '');
}
