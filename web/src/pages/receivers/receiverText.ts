/** How what a receiver is told of, when, and how that goes is said. */
import type { Matcher, Receiver, RouteStep } from '../../api/receivers';
import { ABSENT, formatDuration } from '../../lib/format';
import { text } from '../../text';

/** `team=db*`, as it is written in the settings. */
export const matcherText = ({ label, pattern }: Matcher): string => `${label}=${pattern}`;

/** `warning and worse · team=db*` */
export function ofWhat({ severity, matchers }: Pick<Receiver, 'severity' | 'matchers'>): string {
  const words = text.receivers;
  const how = severity === 'info' ? words.all : words.atLeast(text.alerts.severities[severity]);
  return [how, ...matchers.map(matcherText)].join(' · ');
}

/** `mon-fri 08:00-18:00 (Europe/Berlin) · if nobody acknowledges for 15m` */
export function whenText(
  receiver: Pick<Receiver, 'during' | 'time_zone' | 'open' | 'after_seconds'>,
): string {
  const words = text.receivers;
  const { during, time_zone: zone, open, after_seconds: after } = receiver;
  const parts = [during.length === 0 ? words.always : `${during.join(', ')} (${zone})`];
  if (!open) parts.push(words.closed);
  if (after > 0) parts.push(words.after(formatDuration(after)));
  return parts.join(' · ');
}

/** `3, for 5m; tried 4 times, again in 20s` */
export function queueText(
  receiver: Pick<Receiver, 'queued' | 'attempts' | 'waitingSinceMs' | 'nextTryMs'>,
  nowMs: number,
): string {
  const words = text.receivers;
  const { queued, attempts, waitingSinceMs, nextTryMs } = receiver;
  if (queued === 0 || waitingSinceMs === null) return String(queued);
  const since = words.waiting(
    queued,
    formatDuration(Math.max(0, Math.round((nowMs - waitingSinceMs) / 1000))),
  );
  if (nextTryMs === null || attempts === 0) return since;
  const wait = Math.max(0, Math.round((nextTryMs - nowMs) / 1000));
  return `${since}; ${words.tried(attempts, formatDuration(wait))}`;
}

/** How long ago. */
export function deliveryText(ms: number | null, nowMs: number): string {
  if (ms === null) return ABSENT;
  return text.receivers.ago(formatDuration(Math.max(0, Math.round((nowMs - ms) / 1000))));
}

/** What becomes of an alert at one receiver. */
export function verdictText({ told, after_seconds: after, reason, matcher }: RouteStep): string {
  const words = text.receivers.route;
  if (told) return after > 0 ? words.toldAfter(formatDuration(after)) : words.told;
  if (reason === 'matcher' && matcher) return words.matcher(matcherText(matcher));
  return reason === 'time' ? words.time : words.severity;
}
