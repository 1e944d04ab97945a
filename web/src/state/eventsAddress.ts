/** What the page of events shows, in its address. */
import { formatLength, parseLength } from '../lib/range';

export interface EventsView {
  /** The newest stretch of time. */
  readonly rangeMs: number;
  /** Null: all kinds. */
  readonly kind: string | null;
  readonly filter: string;
}

const DAY_MS = 86_400_000;

export const EVENT_RANGES: readonly number[] = [
  3_600_000,
  6 * 3_600_000,
  DAY_MS,
  7 * DAY_MS,
  30 * DAY_MS,
  90 * DAY_MS,
  365 * DAY_MS,
];

export const DEFAULT_EVENTS: EventsView = { rangeMs: DAY_MS, kind: null, filter: '' };

export function encodeEventsView({ rangeMs, kind, filter }: EventsView): string {
  const params = new URLSearchParams();
  if (rangeMs !== DEFAULT_EVENTS.rangeMs) params.set('range', formatLength(rangeMs));
  if (kind !== null) params.set('kind', kind);
  if (filter !== '') params.set('filter', filter);
  const search = params.toString();
  return search === '' ? '' : `?${search}`;
}

export function decodeEventsView(search: string): EventsView {
  const params = new URLSearchParams(search);
  const kind = params.get('kind') ?? '';
  return {
    rangeMs: parseLength(params.get('range') ?? '') ?? DEFAULT_EVENTS.rangeMs,
    kind: /^[a-z0-9_-]{1,64}$/.test(kind) ? kind : null,
    filter: params.get('filter') ?? '',
  };
}

/** What somebody types: words of the text, and `host:web-1` and `tag:dc=eu` among them. */
export interface EventFilter {
  readonly host: string | null;
  readonly tag: string | null;
  readonly text: string;
}

export function parseEventFilter(filter: string): EventFilter {
  const rest: string[] = [];
  const fields: Record<string, string> = {};
  for (const word of filter.split(/\s+/)) {
    const match = /^(host|tag):(.+)$/i.exec(word);
    if (match?.[1] !== undefined && match[2] !== undefined) fields[match[1].toLowerCase()] = match[2];
    // `host:` is still being typed.
    else if (word !== '' && !/^(host|tag):$/i.test(word)) rest.push(word);
  }
  return { host: fields['host'] ?? null, tag: fields['tag'] ?? null, text: rest.join(' ') };
}
