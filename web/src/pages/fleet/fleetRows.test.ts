import { describe, expect, it } from 'vitest';

import type { Severity } from '../../api/alerts';
import type { Host, Latest } from '../../api/hosts';

import {
  type FleetRow,
  buildFleetRows,
  filterFleet,
  loadPerCore,
  sortFleet,
  worstPressure,
} from './fleetRows';

const rowsOf = (...given: Parameters<typeof buildFleetRows>): readonly FleetRow[] =>
  buildFleetRows(...given).rows;

const latest = (timeMs: number, part: Partial<Latest>): Latest =>
  ({ timeMs, cpu_used_ratio: null, load1: null, cpu_cores: null, ...part }) as Latest;

const host = (name: string, part: Partial<Host> = {}): Host => ({
  id: name,
  name,
  tags: [],
  ownTags: [],
  state: 'up',
  lastSeenMs: 1000,
  createdMs: 0,
  clockOffsetMs: null,
  bufferedFrames: 0,
  gaps: null,
  agentVersion: '0.1.0',
  conflict: null,
  alert: null,
  facts: null,
  latest: latest(1000, { cpu_used_ratio: 0.5 }),
  ...part,
});

describe('fleet rows', () => {
  it('prefers the newer of inventory and live readings', () => {
    const live = (timeMs: number) =>
      new Map([
        ['a', { host: 'a', latest: latest(timeMs, { cpu_used_ratio: 0.9 }), processes: null, other: null }],
      ]);
    expect(rowsOf([host('a')], live(2000))[0]?.cpu).toBe(0.9);
    expect(rowsOf([host('a')], live(500))[0]?.cpu).toBe(0.5);
    expect(rowsOf([host('a', { state: 'down' })], live(2000))[0]?.state).toBe('up');
    expect(rowsOf([host('a', { state: 'down' })], live(900))[0]?.state).toBe('down');
    expect(rowsOf([host('a', { latest: null })], new Map())[0]?.cpu).toBeNull();
  });

  it('sorts names by their numbers and hosts that are down last', () => {
    const rows = rowsOf(
      [
        host('web-10'),
        host('web-9', { latest: latest(1000, { cpu_used_ratio: 0.7 }) }),
        host('web-1', { state: 'down', latest: latest(1000, { cpu_used_ratio: 0.99 }) }),
        host('new', { latest: null }),
      ],
      new Map(),
    );
    const names = (column: string, descending: boolean): string[] =>
      sortFleet(rows, { column, descending }).map((row) => row.name);
    expect(names('name', false)).toEqual(['new', 'web-1', 'web-9', 'web-10']);
    expect(names('cpu', true)).toEqual(['web-9', 'web-10', 'new', 'web-1']);
    expect(names('cpu', false)).toEqual(['web-10', 'web-9', 'new', 'web-1']);
  });

  it('sorts by what is missing of the last day, of hosts that are down too', () => {
    const missing = (missingSeconds: number): Partial<Host> => ({ gaps: { count: 1, missingSeconds } });
    const rows = rowsOf(
      [
        host('unknown'),
        host('whole', { gaps: { count: 0, missingSeconds: 0 } }),
        host('some', missing(90)),
        host('gone', { ...missing(86_400), state: 'down' }),
      ],
      new Map(),
    );
    const names = (descending: boolean): string[] =>
      sortFleet(rows, { column: 'gap', descending }).map(({ name }) => name);
    expect(names(true)).toEqual(['gone', 'some', 'whole', 'unknown']);
    expect(names(false)).toEqual(['whole', 'some', 'gone', 'unknown']);
    expect(filterFleet(rows, 'gap>60').map(({ name }) => name)).toEqual(['some', 'gone']);
  });

  it('sorts by the worst alert, and those that are muted after the others', () => {
    const alert = (severity: Severity, muted: string | null = null): Partial<Host> => ({
      alert: {
        id: '1',
        rule: 'hot',
        severity,
        text: '',
        firedMs: 1,
        muted,
        acknowledged: false,
        process: null,
        firing: 1,
      },
    });
    const rows = rowsOf(
      [
        host('fine'),
        host('muted', alert('critical', 'silenced')),
        host('warned', alert('warning')),
        host('bad', alert('critical')),
      ],
      new Map(),
    );
    const sorted = sortFleet(rows, { column: 'alert', descending: true });
    expect(sorted.map(({ name }) => name)).toEqual(['bad', 'warned', 'muted', 'fine']);
    expect(filterFleet(rows, 'alert:warning').map(({ name }) => name)).toEqual(['warned']);
    expect(filterFleet(rows, 'alert:hot')).toHaveLength(3);
  });

  it('keeps the rows about which nothing is new', () => {
    const hosts = [host('web-10'), host('web-9')];
    const first = buildFleetRows(hosts, new Map());
    const snapshot = { host: 'web-9', latest: latest(2000, {}), processes: null, other: null };
    const second = buildFleetRows(hosts, new Map([['web-9', snapshot]]), first);
    expect(second.rows[0]).toBe(first.rows[0]);
    expect(second.rows[1]).not.toBe(first.rows[1]);
    // A host between them moves all that come after it.
    const third = buildFleetRows([host('web-1'), ...hosts], new Map(), second);
    expect(third.rows.map(({ rank }) => rank)).toEqual([0, 2, 1]);
  });

  it('filters by name and fields', () => {
    const rows = rowsOf([host('db-01'), host('web-01', { state: 'down' })], new Map());
    expect(filterFleet(rows, 'db').map((row) => row.name)).toEqual(['db-01']);
    expect(filterFleet(rows, 'state:down').map((row) => row.name)).toEqual(['web-01']);
    expect(filterFleet(rows, '-db').map((row) => row.name)).toEqual(['web-01']);
  });

  it('never makes a zero of an absent reading', () => {
    expect(worstPressure(null)).toBeNull();
    expect(worstPressure(latest(1, { io_pressure_some_ratio: 0.2 }))).toBe(0.2);
    expect(loadPerCore(latest(1, { load1: 3, cpu_cores: 0 }))).toBeNull();
    expect(loadPerCore(latest(1, { load1: 3, cpu_cores: 4 }))).toBe(0.75);
    expect(rowsOf([host('a')], new Map())[0]?.network).toBeNull();
  });
});
