import { describe, expect, it } from 'vitest';

import type { Day, MaintenanceWindow } from '../../api/maintenance';

import { daysText, nextText, originText, timesText } from './windowText';

const window = (part: Partial<MaintenanceWindow>): MaintenanceWindow => ({
  id: '1',
  name: 'backup',
  matchers: [],
  days: ['sat'],
  from: '22:00',
  to: '02:00',
  zone: 'Europe/Berlin',
  comment: '',
  origin: 'api',
  line: null,
  open: false,
  opensMs: null,
  closesMs: null,
  hosts: 3,
  author: 'ann',
  revision: '7',
  ...part,
});

describe('a maintenance window in words', () => {
  it.each<[readonly Day[], string]>([
    [[], 'every day'],
    [['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'], 'every day'],
    [['fri', 'mon', 'tue', 'wed', 'thu'], 'Mon–Fri'],
    [['sun', 'sat'], 'Sat, Sun'],
    [['mon', 'wed', 'thu'], 'Mon, Wed, Thu'],
  ])('%j is %s', (days, expected) => expect(daysText(days)).toBe(expected));

  it('says when, when next, and where it comes from', () => {
    expect(timesText(window({}))).toBe('Sat 22:00–02:00 Europe/Berlin');
    expect(nextText(window({}))).toBe('never');
    expect(nextText(window({ open: true }))).toBe('now, and always');
    expect(nextText(window({ open: true, closesMs: 0 }))).toMatch(/^now, until .*1970/);
    expect(nextText(window({ opensMs: 0, closesMs: 1 }))).toMatch(/1970/);
    expect(originText(window({}))).toBe('made here by ann');
    expect(originText(window({ id: null, origin: 'a.toml', line: 7 }))).toBe('a.toml:7');
  });
});
