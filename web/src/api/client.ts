/**
 * The one way the page talks to the server: JSON over `fetch`, one error type, one error policy.
 */

import { openedMs } from '../lib/opened';
import { noteReachable } from './reachable';

export type ErrorKind =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'overloaded'
  | 'unavailable'
  | 'corrupt'
  | 'internal'
  /** The server could not be reached. */
  | 'offline'
  /** The answer was not what this page understands. */
  | 'unreadable';

export class ApiError extends Error {
  readonly kind: ErrorKind;
  /** One word for what the matter is, of some errors. */
  readonly reason: string | null;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions, reason: string | null = null) {
    super(message, options);
    this.name = 'ApiError';
    this.kind = kind;
    this.reason = reason;
  }
}

/** Somebody else changed meanwhile what was to be changed. */
export const isConflict = (error: Error | null): boolean =>
  error instanceof ApiError && error.kind === 'conflict';

export type Query = Readonly<Record<string, string | number | null | undefined>>;

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Query;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** `path` below the API's root with the parts of `query` that are there. */
export function apiPath(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value != null) params.set(name, String(value));
  }
  const search = params.toString();
  return `/api/v1/${path}${search === '' ? '' : `?${search}`}`;
}

/** What was asked before anything was drawn, by address. */
const early = new Map<string, { readonly answer: Promise<unknown>; readonly askedMs: number }>();
/** An answer that nobody took by then is old. */
const EARLY_MS = 5000;
let isEarly = false;

/**
 * Asks, with `ask`, for what the page is going to ask for: whoever asks the same soon gets this answer, once. Only what is
 * asked before `ask` first waits is kept.
 */
export function askEarly<T>(ask: () => Promise<T>): Promise<T> {
  isEarly = true;
  try {
    return ask();
  } finally {
    isEarly = false;
  }
}

function takeEarly(url: string): Promise<unknown> | null {
  const known = early.get(url);
  early.delete(url);
  return known && performance.now() - known.askedMs < EARLY_MS ? known.answer : null;
}

export function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  if ((options.method ?? 'GET') !== 'GET') return send<T>(path, options);
  const url = apiPath(path, options.query);
  const known = takeEarly(url);
  if (known) return known as Promise<T>;
  const answer = send<T>(path, options);
  if (isEarly) {
    early.set(url, { answer, askedMs: performance.now() });
    // Told to whoever takes it.
    answer.catch(() => undefined);
  }
  return answer;
}

async function send<T>(path: string, options: RequestOptions): Promise<T> {
  const { method = 'GET', query, body, signal } = options;
  const headers: Record<string, string> = { Accept: 'application/json' };
  // The server takes changes only from a page that can set this header: no other site can.
  if (method !== 'GET') headers['X-Tacho-Request'] = '1';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const sentMs = Date.now();
  let response: Response;
  try {
    response = await fetch(apiPath(path, query), {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    noteReachable(false);
    throw new ApiError('offline', 'the server cannot be reached', { cause });
  }
  noteReachable(true);
  noteServerTime(response.headers.get('Date'), sentMs, Date.now());
  if (!response.ok) throw await readError(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError('unreadable', 'the server sent an answer that is not JSON', { cause });
  }
}

/** A page of plain text outside of the API's root. */
export async function requestText(path: string, signal: AbortSignal): Promise<string> {
  let response: Response;
  try {
    response = await fetch(path, { signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    noteReachable(false);
    throw new ApiError('offline', 'the server cannot be reached', { cause });
  }
  noteReachable(true);
  if (!response.ok) throw await readError(response);
  return response.text();
}

const KINDS: ReadonlySet<string> = new Set<ErrorKind>([
  'invalid',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'overloaded',
  'unavailable',
  'corrupt',
  'internal',
]);

const KIND_OF_STATUS: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  429: 'overloaded',
  502: 'offline',
  503: 'unavailable',
  504: 'offline',
};

export async function readError(response: Response): Promise<ApiError> {
  const fallback = KIND_OF_STATUS[response.status] ?? 'internal';
  try {
    const { error } = (await response.json()) as {
      error?: { kind?: string; message?: string; reason?: string };
    };
    const kind = error?.kind !== undefined && KINDS.has(error.kind) ? (error.kind as ErrorKind) : fallback;
    return new ApiError(kind, error?.message ?? response.statusText, undefined, error?.reason);
  } catch {
    return new ApiError(fallback, response.statusText || `status ${String(response.status)}`);
  }
}

let serverAheadMs = 0;

/**
 * Takes the server's clock from an answer. `Date` has whole seconds, so that a difference below two of
 * them is no difference.
 */
function noteServerTime(date: string | null, sentMs: number, receivedMs: number): void {
  const serverMs = date === null ? Number.NaN : Date.parse(date);
  if (!Number.isFinite(serverMs)) return;
  const ahead = serverMs + 500 - (sentMs + receivedMs) / 2;
  serverAheadMs = Math.abs(ahead) < 2000 ? 0 : ahead;
}

/** Now by the server's clock: a browser's may be wrong, and history is in the server's time. */
export function serverNow(): number {
  return Date.now() + serverAheadMs;
}

/** What was asked ahead is of when the page was opened: until the page is that old, its "now" is that. */
const JUST_OPENED_MS = 3000;

/** The "now" that a page begins with. */
export function firstNow(): number {
  const now = serverNow();
  return Math.abs(now - openedMs) < JUST_OPENED_MS ? openedMs : now;
}
