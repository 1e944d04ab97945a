import { describe, expect, it } from 'vitest';

import type { HostView } from './hostAddress';

import { DEFAULT_VIEW, decodeHostView, encodeHostView } from './hostAddress';

const at = (text: string): number => Date.parse(text);
const fixed = {
  kind: 'fixed',
  fromMs: at('2026-11-20T03:00:00Z'),
  toMs: at('2026-11-20T03:30:00.500Z'),
} as const;

const views: [string, Partial<HostView>][] = [
  ['the default', {}],
  ['another following range', { range: { kind: 'last', ms: 90 * 60_000 } }],
  ['a fixed range', { range: fixed }],
  ['a pinned instant', { range: fixed, pinMs: at('2026-11-20T03:12:05Z') }],
  [
    'a selection',
    { selection: { fromMs: at('2026-11-20T03:10:00Z'), toMs: at('2026-11-20T03:12:00.250Z') } },
  ],
  ['a process', { process: { pid: 4711, startMs: at('2026-11-19T22:01:02.340Z') } }],
  ['a group', { group: 'unit' }],
  ['a tree', { group: 'tree' }],
  ['a comparison', { compare: '7d' }],
  ['lines shown alone', { only: ['cpu.user', 'process_disk.read'] }],
  ['the top processes of another resource', { top: 'memory' }],
  ['what changed', { changes: '1d' }],
  ['a reading', { reading: { table: 'disk', column: 'busy_ratio', entity: 'dm-0:a/b' } }],
  ['a reading of the host', { reading: { table: 'host', column: 'load1', entity: null } }],
  ['a sort order', { sort: { column: 'memory', descending: true } }],
  ['an ascending sort order', { sort: { column: 'cpu', descending: false } }],
  ['a filter with every kind of character', { filter: 'user:www-data "a b" -x&y=z#ä中/:@,+%' }],
];

describe('host view in the address', () => {
  it.each(views)('%s comes back', (_, part) => {
    const view = { ...DEFAULT_VIEW, ...part };
    expect(decodeHostView(encodeHostView(view))).toEqual(view);
  });

  it('all of it together comes back', () => {
    const view = Object.assign({}, DEFAULT_VIEW, ...views.map(([, part]) => part)) as HostView;
    expect(decodeHostView(encodeHostView(view))).toEqual(view);
  });

  it('is empty for the default view and readable for others', () => {
    expect(encodeHostView(DEFAULT_VIEW)).toBe('');
    expect(encodeHostView({ ...DEFAULT_VIEW, range: fixed, pinMs: at('2026-11-20T03:12:05Z') })).toBe(
      '?from=2026-11-20T03:00:00Z&to=2026-11-20T03:30:00.500Z&at=2026-11-20T03:12:05Z',
    );
  });

  it.each([
    '?from=x&to=y',
    '?from=2026-11-20T04:00:00Z&to=2026-11-20T03:00:00Z',
    '?range=forever',
    '?at=soon',
    '?selection=a/b',
    '?selection=2026-11-20T04:00:00Z',
    '?process=4711',
    '?process=@2026-11-20T04:00:00Z',
    '?group=colour',
    '?sort=../../etc',
    '?compare=1y',
    '?only=cpu',
    '?only=<b>.x,',
    '?top=heat',
    '?changes=1y',
    '?reading=disk',
    '?%%%',
    '',
  ])('falls back to the default for %j', (search) => {
    expect(decodeHostView(search)).toEqual(DEFAULT_VIEW);
  });

  it('takes times in milliseconds too', () => {
    expect(decodeHostView('?from=1763607600000&to=1763609400000').range).toEqual({
      kind: 'fixed',
      fromMs: 1_763_607_600_000,
      toMs: 1_763_609_400_000,
    });
  });
});
