/** Rows of the page of events: pages of the answer in, one list out. */
import type { EventPage, FleetEvent } from '../../api/fleetEvents';
import { compareWords } from '../../lib/words';
import { momentLink } from '../../state/momentLink';
import { text } from '../../text';
import { type MarkKind, markKind } from '../host/marks';

export interface EventRow {
  readonly id: string;
  readonly event: FleetEvent;
  /** What it looks like on a chart. */
  readonly mark: MarkKind;
  readonly kind: string;
  /** What happened, in one line. */
  readonly what: string;
  readonly who: string;
  /** The host's page at that moment. */
  readonly href: string;
}

/** Name of a kind for people; a kind that the page does not know is its own name. */
export function kindName(kind: string): string {
  return text.events.kinds[kind] ?? kind;
}

/** The newest first, by when they happened: a snapshot may tell of something that was a while ago. */
export function buildEventRows(pages: readonly EventPage[]): EventRow[] {
  const events = pages.flatMap((page) => page.events);
  const seen = new Map<string, number>();
  return [...events].sort((left, right) => right.atMs - left.atMs).map((event) => rowOf(event, seen));
}

function rowOf(event: FleetEvent, seen: Map<string, number>): EventRow {
  const { kind, atMs, hostId, subject, user, address, pid } = event;
  const base = [String(atMs), hostId, kind, subject, event.text, String(pid)].join(' ');
  const times = seen.get(base) ?? 0;
  seen.set(base, times + 1);
  return {
    id: `${base} ${String(times)}`,
    event,
    mark: markKind(kind),
    kind: kindName(kind),
    what: whatOf(subject, event.text),
    who: [user, address].filter((part) => part !== null).join(' · '),
    href: momentLink(event.host, atMs),
  };
}

/** The text says mostly what it is about, too. */
function whatOf(subject: string | null, said: string | null): string {
  if (said === null) return subject ?? '';
  return subject === null || said.includes(subject) ? said : `${subject}: ${said}`;
}

export interface KindChoice {
  readonly kind: string;
  readonly label: string;
}

/** Kinds of the range to choose from, with how many there are; the chosen one among them. */
export function kindChoices(
  counts: Readonly<Record<string, number>>,
  chosen: string | null,
): readonly KindChoice[] {
  const kinds = Object.keys(counts);
  if (chosen !== null && !kinds.includes(chosen)) kinds.push(chosen);
  return kinds
    .map((kind) => ({ kind, label: `${kindName(kind)} (${String(counts[kind] ?? 0)})` }))
    .sort((left, right) => compareWords(left.label, right.label));
}
