/** What happened, as marks on the time axis. */
import type { Alert } from '../../api/alerts';
import type { HostEvent } from '../../api/events';
import type { Series } from '../../api/series';
import { formatDateTime } from '../../lib/time';
import type { Span } from '../../lib/range';
import { text } from '../../text';

export type MarkKind =
  'fired' | 'resolved' | 'oom' | 'kernel' | 'boot' | 'deploy' | 'login' | 'logout' | 'agent' | 'other';

export interface Mark {
  readonly atMs: number;
  readonly kind: MarkKind;
  readonly text: string;
}

/** Marks that would lie over one another. */
export interface MarkGroup {
  readonly atMs: number;
  /** The worst of them. */
  readonly kind: MarkKind;
  readonly marks: readonly Mark[];
}

/** From the worst. */
const ORDER: readonly MarkKind[] = [
  'oom',
  'fired',
  'boot',
  'deploy',
  'kernel',
  'resolved',
  'agent',
  'login',
  'logout',
  'other',
];

/** Groups on the axis; beyond them everything is put together more coarsely. */
const MOST_GROUPS = 60;

const KINDS: Readonly<Record<string, MarkKind>> = {
  boot: 'boot',
  oom_kill: 'oom',
  login: 'login',
  logout: 'logout',
  agent: 'agent',
  agent_start: 'agent',
  deploy: 'deploy',
  hung_task: 'kernel',
  lockup: 'kernel',
  hardware_error: 'kernel',
  io_error: 'kernel',
  filesystem_error: 'kernel',
  segfault: 'kernel',
};

/** What an event looks like. */
export const markKind = (kind: string): MarkKind =>
  KINDS[kind] ?? (kind.startsWith('kernel') ? 'kernel' : 'other');

/** A boot that an event tells of is not told once more by the readings. */
const SAME_BOOT_MS = 60_000;

/** Times at which the host started, where the readings before and after tell of another start. */
export function findBoots(series: Series): number[] {
  const uptimes = series.columns['uptime_seconds'] ?? [];
  const boots: number[] = [];
  let started: number | null = null;
  uptimes.forEach((uptime, index) => {
    const ms = series.timeMs[index];
    if (uptime == null || ms === undefined) return;
    const bootMs = ms + series.bucketMs / 2 - uptime * 1000;
    const first = series.timeMs[0] ?? ms;
    const isOther = started === null ? bootMs > first : bootMs - started > 30_000 + series.bucketMs;
    if (isOther) boots.push(Math.round(bootMs));
    started = bootMs;
  });
  return boots;
}

export function buildMarks(
  events: readonly HostEvent[],
  alerts: readonly Alert[],
  boots: readonly number[],
): Mark[] {
  const words = text.host.marks;
  const ofEvents = events.map((one): Mark => {
    const said = one.text ?? [one.kind, one.subject].filter(Boolean).join(' ');
    return { atMs: one.atMs, kind: markKind(one.kind), text: said };
  });
  const ofAlerts = alerts.flatMap((alert): Mark[] => {
    const { firedMs, resolvedMs } = alert;
    return [
      ...(firedMs === null ? [] : [{ atMs: firedMs, kind: 'fired' as const, text: words.fired(alert.text) }]),
      ...(resolvedMs === null
        ? []
        : [{ atMs: resolvedMs, kind: 'resolved' as const, text: words.resolved(alert.text) }]),
    ];
  });
  const told = ofEvents.filter(({ kind }) => kind === 'boot');
  const isTold = (atMs: number): boolean => told.some((mark) => Math.abs(mark.atMs - atMs) < SAME_BOOT_MS);
  const ofBoots = boots
    .filter((atMs) => !isTold(atMs))
    .map((atMs): Mark => ({ atMs, kind: 'boot', text: words.boot }));
  return [...ofEvents, ...ofAlerts, ...ofBoots].sort((left, right) => left.atMs - right.atMs);
}

/** Those within `span`, put together where they are nearer than `leastMs`. */
export function groupMarks(marks: readonly Mark[], span: Span, leastMs: number): MarkGroup[] {
  const shown = marks.filter(({ atMs }) => atMs >= span.fromMs && atMs <= span.toMs);
  const apart = Math.max(leastMs, (span.toMs - span.fromMs) / MOST_GROUPS / 4);
  const groups: { first: number; last: number; marks: Mark[] }[] = [];
  for (const mark of shown) {
    const group = groups.at(-1);
    if (group && mark.atMs - group.first < apart) {
      group.marks.push(mark);
      group.last = mark.atMs;
    } else groups.push({ first: mark.atMs, last: mark.atMs, marks: [mark] });
  }
  return groups.map(({ first, last, marks: together }) => ({
    atMs: (first + last) / 2,
    kind: ORDER.find((kind) => together.some((mark) => mark.kind === kind)) ?? 'other',
    marks: together,
  }));
}

/** Lines of a tooltip. */
const MOST_LINES = 6;

export function describeMarks({ marks }: MarkGroup): readonly string[] {
  const lines = marks.slice(0, MOST_LINES).map((mark) => `${formatDateTime(mark.atMs)} ${mark.text}`);
  const rest = marks.length - lines.length;
  return rest > 0 ? [...lines, text.processPage.more(rest)] : lines;
}
