/** What an address is about: the few routes that there are. */
import type { ProcessKey } from '../api/processes';
import { decodeInstant, encodeInstant } from './time';

export type Route =
  | { readonly page: 'fleet' }
  | { readonly page: 'host'; readonly host: string }
  | { readonly page: 'alerts' }
  | { readonly page: 'events' }
  | { readonly page: 'receivers' }
  | { readonly page: 'process'; readonly host: string; readonly process: ProcessKey }
  | { readonly page: 'storage' }
  | { readonly page: 'sql' }
  | { readonly page: 'access' }
  | { readonly page: 'about' }
  | { readonly page: 'unknown' };

/** Pages without anything more in their path. */
const PLAIN = ['alerts', 'receivers', 'events', 'storage', 'sql', 'access', 'about'] as const;

export function parseRoute(pathname: string): Route {
  if (pathname === '/' || pathname === '') return { page: 'fleet' };
  const plain = PLAIN.find((page) => pathname === `/${page}` || pathname === `/${page}/`);
  if (plain) return { page: plain };
  const match = /^\/hosts\/([^/]+)(?:\/processes\/(\d{1,10})\/([^/]+))?\/?$/.exec(pathname);
  if (match?.[1] === undefined) return { page: 'unknown' };
  try {
    const host = decodeURIComponent(match[1]);
    if (match[2] === undefined) return { page: 'host', host };
    const startMs = decodeInstant(decodeURIComponent(match[3] ?? ''));
    if (startMs === null) return { page: 'unknown' };
    return { page: 'process', host, process: { pid: Number(match[2]), startMs } };
  } catch {
    return { page: 'unknown' };
  }
}

export function hostPath(host: string): string {
  return `/hosts/${encodeURIComponent(host)}`;
}

export function processPath(host: string, { pid, startMs }: ProcessKey): string {
  return `${hostPath(host)}/processes/${String(pid)}/${encodeInstant(startMs)}`;
}
