import type { Alert } from '../../api/alerts';
import { momentLink } from '../../state/momentLink';

/** The host's page at the alert's moment, with its culprit selected. */
export function alertLink(alert: Alert): string {
  const { process } = alert;
  const key = process?.startMs != null ? { pid: process.pid, startMs: process.startMs } : null;
  return momentLink(alert.host, alert.firedMs ?? alert.sinceMs, key);
}
