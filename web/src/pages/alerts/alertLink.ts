import type { Alert } from '../../api/alerts';
import { DEFAULT_VIEW, encodeHostView } from '../../state/hostAddress';
import { hostPath } from '../../state/router';

/** Shown before the alert fired, and after. */
const BEFORE_MS = 10 * 60_000;
const AFTER_MS = 5 * 60_000;

/** The host's page at the alert's moment, with its culprit selected. */
export function alertLink(alert: Alert): string {
  const atMs = alert.firedMs ?? alert.sinceMs;
  const process = alert.process;
  return (
    hostPath(alert.host) +
    encodeHostView({
      ...DEFAULT_VIEW,
      range: { kind: 'fixed', fromMs: atMs - BEFORE_MS, toMs: atMs + AFTER_MS },
      pinMs: atMs,
      process: process?.startMs != null ? { pid: process.pid, startMs: process.startMs } : null,
    })
  );
}
