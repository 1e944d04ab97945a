import { describe, expect, it } from 'vitest';

import type { Changes } from '../../api/changes';
import { DEFAULT_VIEW } from '../../state/hostAddress';
import { buildChanges, changeBy } from './changes';

const change = (
  column: string,
  before: number,
  value: number,
  score: number,
): Changes['metrics'][number] => ({
  column,
  before,
  value,
  score,
  table: 'host',
  entity: {},
});

const nobody = { name: null, command: null, user: null, unit: null, container: null };

const answer: Changes = {
  range: { fromMs: 60_000, toMs: 120_000 },
  against: { fromMs: 0, toMs: 60_000 },
  recordedSeconds: 60,
  recordedBeforeSeconds: 60,
  events: [],
  processes: [
    {
      ...nobody,
      key: { pid: 7, startMs: 50_000 },
      name: 'cc1',
      command: 'cc1 -O2',
      score: 19,
      changes: [change('cpu_ratio', 0, 1.5, 19), change('rss_bytes', 0, 2 ** 21, 0.4)],
    },
  ],
  metrics: [
    change('cpu_used_ratio', 0.1, 0.8, 12),
    { ...change('busy_ratio', 0.2, 0.1, 1), table: 'disk', entity: { device: 'sda' } },
  ],
  connections: [
    {
      name: 'curl',
      protocol: 'tcp',
      remote_address: '192.0.2.7',
      port: 443,
      score: 15,
      changes: [change('rx_bytes_per_second', 1000, 9000, 15)],
    },
  ],
};

describe('what changed', () => {
  const selection = { fromMs: 60_000, toMs: 120_000 };
  const view = { ...DEFAULT_VIEW, selection, changes: 'before' as const };
  const rows = buildChanges('web', view, 'process', answer);

  it('is one list, most unlike first', () => {
    expect(rows.map(({ kind, score }) => [kind, score])).toEqual([
      ['process', 19],
      ['connection', 15],
      ['reading', 12],
      ['reading', 1],
    ]);
  });

  it('tells the numbers that moved and not those that did not', () => {
    expect(rows[0]?.numbers.map(({ before, value }) => [before, value])).toEqual([['0.0%', '150.0%']]);
    expect(rows[1]?.numbers[0]).toMatchObject({ before: '1.0 KiB/s', value: '8.8 KiB/s', by: '×9.0' });
  });

  it('each line leads to where it is seen, at that time', () => {
    const hrefs = rows.map(({ href }) => decodeURIComponent(href));
    expect(hrefs[0]).toMatch(/^\/hosts\/web\/processes\/7\/1970-01-01T00:00:50Z\?.*selection=/);
    expect(hrefs[1]).toMatch(/filter=name:curl/);
    expect(hrefs[1]).not.toMatch(/changes=/);
    expect(hrefs[2]).toMatch(/changes=before&reading=host\.cpu_used_ratio$/);
    expect(hrefs[3]).toMatch(/reading=disk\.busy_ratio:sda$/);
  });

  it('a group leads to its processes', () => {
    const group = { ...answer, processes: [{ ...nobody, key: null, user: 'a b', score: 4, changes: [] }] };
    const [, , row] = buildChanges('web', view, 'user', group);
    expect(row?.name).toBe('a b');
    expect(decodeURIComponent(row?.href ?? '')).toMatch(/filter=user:"a b"$/);
  });

  it.each([
    [0, 5, 'new'],
    [5, 0, 'gone'],
    [0, 0, ''],
    [1, 3.24, '×3.2'],
    [1, 40, '×40'],
    [4, 5, '+25%'],
    [5, 4, '−20%'],
  ])('from %d to %d is %s', (before, value, expected) => expect(changeBy(before, value)).toBe(expected));
});
