import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseJump } from './jump';
import { setZone } from './zone';

beforeEach(() => setZone('Europe/Berlin'));
afterEach(() => setZone('browser'));

const at = (text: string): number => Date.parse(text);
// 13:00 in Berlin.
const nowMs = at('2026-11-21T12:00:00Z');
const shownMs = at('2026-11-20T10:00:00Z');

describe('where to jump', () => {
  it.each([
    ['1h', 1, '2026-11-20T11:00:00Z'],
    ['1h', -1, '2026-11-20T09:00:00Z'],
    ['-30m', 1, '2026-11-20T09:30:00Z'],
    ['+90s', -1, '2026-11-20T10:01:30Z'],
    ['1d 2h', -1, '2026-11-19T08:00:00Z'],
    ['1.5h', 1, '2026-11-20T11:30:00Z'],
    ['now', 1, '2026-11-21T12:00:00Z'],
    ['03:12', 1, '2026-11-21T02:12:00Z'],
    ['14:30', 1, '2026-11-20T13:30:00Z'],
    ['3am', 1, '2026-11-21T02:00:00Z'],
    ['12am', 1, '2026-11-20T23:00:00Z'],
    ['yesterday 3am', 1, '2026-11-20T02:00:00Z'],
    ['Yesterday', 1, '2026-11-19T23:00:00Z'],
    ['today 9:05:07', 1, '2026-11-21T08:05:07Z'],
    ['昨天 3:00', 1, '2026-11-20T02:00:00Z'],
    ['2026-11-19', 1, '2026-11-18T23:00:00Z'],
    ['2026-11-19 22:01:02', 1, '2026-11-19T21:01:02Z'],
    ['2026-07-19 22:01', 1, '2026-07-19T20:01:00Z'],
    ['2026-11-19T22:01:02Z', 1, '2026-11-19T22:01:02Z'],
  ] as const)('%s', (text, direction, expected) =>
    expect(parseJump(text, { shownMs, nowMs, direction })).toBe(at(expected)),
  );

  it.each(['', 'soon', '3', '25:00', '13pm', 'yesterday evening', '2026-99', '1x', '10:61'])(
    'nowhere: %j',
    (text) => expect(parseJump(text, { shownMs, nowMs, direction: 1 })).toBeNull(),
  );
});
