/**
 * The address bar as the page's state: a few routes, and a search string that each page encodes for itself.
 */
import { useSyncExternalStore } from 'react';

export { type Route, hostPath, parseRoute, processPath } from '../lib/route';

const CHANGED = 'tacho:address';

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener('popstate', listener);
    window.removeEventListener(CHANGED, listener);
  };
}

/** Goes to `address`. With `replace` the step is not one that the back button takes. */
export function navigate(address: string, replace = false): void {
  if (address === window.location.pathname + window.location.search) return;
  if (replace) window.history.replaceState(null, '', address);
  else window.history.pushState(null, '', address);
  window.dispatchEvent(new Event(CHANGED));
}

export function usePathname(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

export function useSearch(): string {
  return useSyncExternalStore(subscribe, () => window.location.search);
}
