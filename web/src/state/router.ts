/**
 * The address bar as the page's state: three routes, and a search string that each page encodes for itself.
 */
import { useSyncExternalStore } from 'react';

export type Route =
  | { readonly page: 'fleet' }
  | { readonly page: 'host'; readonly host: string }
  | { readonly page: 'storage' }
  | { readonly page: 'unknown' };

export function parseRoute(pathname: string): Route {
  if (pathname === '/' || pathname === '') return { page: 'fleet' };
  if (/^\/storage\/?$/.test(pathname)) return { page: 'storage' };
  const match = /^\/hosts\/([^/]+)\/?$/.exec(pathname);
  if (match?.[1] === undefined) return { page: 'unknown' };
  try {
    return { page: 'host', host: decodeURIComponent(match[1]) };
  } catch {
    return { page: 'unknown' };
  }
}

export function hostPath(host: string): string {
  return `/hosts/${encodeURIComponent(host)}`;
}

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
