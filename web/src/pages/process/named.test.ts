import { describe, expect, it } from 'vitest';

import type { Alert } from '../../api/alerts';
import { endpoint } from '../../api/processHistory';
import type { HostEvent } from '../../api/events';

import { exitText, isBadExit } from './exitText';
import { alertsOf, eventsOf } from './named';

const alert = (id: string, pid: number, startMs: number, firedMs: number): Alert => ({
  id,
  rule: 'process-hog',
  state: 'firing',
  severity: 'warning',
  host: 'web',
  entity: '',
  text: id,
  sinceMs: firedMs - 10,
  firedMs,
  resolvedMs: null,
  muted: null,
  acknowledged: null,
  process: {
    pid,
    startMs,
    name: 'cc1',
    command: '',
    user: '',
    unit: '',
    cpu_ratio: null,
    memory_bytes: null,
    disk_bytes_per_second: null,
    network_bytes_per_second: null,
  },
  links: {},
});

const event = (atMs: number, pid: number | null): HostEvent => ({
  kind: 'oom_kill',
  atMs,
  subject: null,
  text: null,
  user: null,
  pid,
});

const key = { pid: 7, startMs: 10_000 };

describe('what named a process', () => {
  it('alerts know its start, so that one of the same pid is another', () => {
    const all = [
      alert('old', 7, 10_000, 20_000),
      alert('other', 7, 9000, 1),
      alert('new', 7, 10_000, 30_000),
    ];
    expect(alertsOf([...all, { ...alert('none', 7, 0, 0), process: null }], key).map(({ id }) => id)).toEqual(
      ['new', 'old'],
    );
  });

  it('events count from its start to its end', () => {
    const all = [
      event(5000, 7),
      event(9000, 7),
      event(20_000, 7),
      event(20_000, 8),
      event(20_000, null),
      event(60_000, 7),
    ];
    expect(eventsOf(all, key, null).map(({ atMs }) => atMs)).toEqual([60_000, 20_000, 9000]);
    expect(eventsOf(all, key, 40_000).map(({ atMs }) => atMs)).toEqual([20_000, 9000]);
  });
});

describe('how a process ended', () => {
  it.each([
    [{ code: 0, signal: null }, 'exit code 0', false],
    [{ code: 137, signal: null }, 'exit code 137', true],
    [{ code: null, signal: 9 }, 'SIGKILL', true],
    [{ code: null, signal: 42 }, 'signal 42', true],
    [{ code: null, signal: null }, 'not known how', false],
  ])('%j', (exit, expected, isBad) => {
    expect(exitText(exit)).toContain(expected);
    expect(isBadExit(exit)).toBe(isBad);
  });
});

it('an address and its port are one text', () => {
  expect(endpoint('10.0.0.2', 5432)).toBe('10.0.0.2:5432');
  expect(endpoint('2001:db8::1', 443)).toBe('[2001:db8::1]:443');
});
