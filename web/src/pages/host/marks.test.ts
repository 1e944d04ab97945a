import { describe, expect, it } from 'vitest';

import type { HostEvent } from '../../api/events';
import { type Mark, buildMarks, describeMarks, findBoots, groupMarks } from './marks';

const mark = (atMs: number, kind: Mark['kind'] = 'login'): Mark => ({
  atMs,
  kind,
  text: `at ${String(atMs)}`,
});

describe('marks', () => {
  it('those that would touch are one, of the worst kind', () => {
    const groups = groupMarks([mark(0), mark(5, 'fired'), mark(50), mark(200)], { fromMs: 0, toMs: 100 }, 10);
    expect(groups.map(({ kind, marks }) => [kind, marks.length])).toEqual([
      ['fired', 2],
      ['login', 1],
    ]);
  });

  it('are never more than fit', () => {
    const many = Array.from({ length: 5000 }, (_, index) => mark(index));
    expect(groupMarks(many, { fromMs: 0, toMs: 5000 }, 0).length).toBeLessThanOrEqual(240);
  });

  it('tell a few and count the rest', () => {
    const many = Array.from({ length: 20 }, (_, index) => mark(index));
    const [group] = groupMarks(many, { fromMs: 0, toMs: 10_000 }, 100);
    expect(group && describeMarks(group)).toHaveLength(7);
  });

  it('come from events, alerts and boots in order of time', () => {
    const event: HostEvent = { kind: 'oom_kill', atMs: 20, subject: 'java', text: null, user: null, pid: 7 };
    const marks = buildMarks([event], [], [10]);
    expect(marks.map(({ kind, atMs }) => [kind, atMs])).toEqual([
      ['boot', 10],
      ['oom', 20],
    ]);
    expect(marks[1]?.text).toBe('oom_kill java');
    const boot: HostEvent = { ...event, kind: 'boot', atMs: 30 };
    expect(buildMarks([boot], [], [10]).map(({ atMs }) => atMs)).toEqual([30]);
    expect(buildMarks([{ ...event, kind: 'deploy' }], [], [])[0]?.kind).toBe('deploy');
  });
});

describe('boots', () => {
  const series = (uptimes: readonly (number | null)[]): Parameters<typeof findBoots>[0] => ({
    timeMs: uptimes.map((_, index) => 1_000_000 + index * 10_000),
    bucketMs: 10_000,
    columns: { uptime_seconds: uptimes },
  });

  it.each([
    ['a host that ran all the time', [5000, 5010, null, 5030], 0],
    ['a reboot', [5000, 5010, null, null, 15, 25], 1],
    ['a start within the range', [null, null, 5, 15], 1],
    ['nothing recorded', [null, null], 0],
    ['an average that is a little off', [5000, 5012, 5019, 5031], 0],
  ])('%s', (_, uptimes, count) => expect(findBoots(series(uptimes))).toHaveLength(count));
});
