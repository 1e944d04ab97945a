import type { ProcessKey } from '../api/processes';
import { DEFAULT_VIEW, encodeHostView } from './hostAddress';
import { hostPath } from './router';

/** Shown before the moment, and after. */
const BEFORE_MS = 10 * 60_000;
const AFTER_MS = 5 * 60_000;

/** A host's page at a moment, with a process selected. */
export function momentLink(host: string, atMs: number, process: ProcessKey | null = null): string {
  const range = { kind: 'fixed', fromMs: atMs - BEFORE_MS, toMs: atMs + AFTER_MS } as const;
  return hostPath(host) + encodeHostView({ ...DEFAULT_VIEW, range, pinMs: atMs, process });
}
