import { describe, expect, it } from 'vitest';

import {
  DEFAULT_EVENTS,
  type EventsView,
  decodeEventsView,
  encodeEventsView,
  parseEventFilter,
} from './eventsAddress';

describe('events in the address', () => {
  it.each<Partial<EventsView>>([
    {},
    { rangeMs: 7 * 86_400_000, kind: 'oom_kill' },
    { filter: 'host:web-1 tag:dc=eu shop & co' },
  ])('%j comes back', (part) => {
    const view = { ...DEFAULT_EVENTS, ...part };
    expect(decodeEventsView(encodeEventsView(view))).toEqual(view);
  });

  it('leaves out defaults and ignores nonsense', () => {
    expect(encodeEventsView(DEFAULT_EVENTS)).toBe('');
    expect(decodeEventsView('?range=soon&kind=A%20b')).toEqual(DEFAULT_EVENTS);
  });

  it.each([
    ['', { host: null, tag: null, text: '' }],
    ['shop 2.4', { host: null, tag: null, text: 'shop 2.4' }],
    ['host:web-1 shop tag:dc=eu', { host: 'web-1', tag: 'dc=eu', text: 'shop' }],
    ['host: a:b', { host: null, tag: null, text: 'a:b' }],
  ])('%s is read', (filter, expected) => expect(parseEventFilter(filter)).toEqual(expected));
});
