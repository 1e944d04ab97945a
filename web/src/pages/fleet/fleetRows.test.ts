import { describe, expect, it } from 'vitest';

import type { Host, Latest } from '../../api/hosts';

import { buildFleetRows, filterFleet, loadPerCore, sortFleet, worstPressure } from './fleetRows';

const latest = (timeMs: number, part: Partial<Latest>): Latest =>
  ({ timeMs, cpu_used_ratio: null, load1: null, cpu_cores: null, ...part }) as Latest;

const host = (name: string, part: Partial<Host> = {}): Host => ({
  id: name,
  name,
  tags: [],
  ownTags: [],
  state: 'up',
  lastSeenMs: 1000,
  clockOffsetMs: null,
  bufferedFrames: 0,
  agentVersion: '0.1.0',
  conflict: null,
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
    expect(buildFleetRows([host('a')], live(2000))[0]?.cpu).toBe(0.9);
    expect(buildFleetRows([host('a')], live(500))[0]?.cpu).toBe(0.5);
    expect(buildFleetRows([host('a', { state: 'down' })], live(2000))[0]?.state).toBe('up');
    expect(buildFleetRows([host('a', { state: 'down' })], live(900))[0]?.state).toBe('down');
    expect(buildFleetRows([host('a', { latest: null })], new Map())[0]?.cpu).toBeNull();
  });

  it('sorts names by their numbers and hosts that are down last', () => {
    const rows = buildFleetRows(
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

  it('filters by name and fields', () => {
    const rows = buildFleetRows([host('db-01'), host('web-01', { state: 'down' })], new Map());
    expect(filterFleet(rows, 'db').map((row) => row.name)).toEqual(['db-01']);
    expect(filterFleet(rows, 'state:down').map((row) => row.name)).toEqual(['web-01']);
    expect(filterFleet(rows, '-db').map((row) => row.name)).toEqual(['web-01']);
  });

  it('never makes a zero of an absent reading', () => {
    expect(worstPressure(null)).toBeNull();
    expect(worstPressure(latest(1, { io_pressure_some_ratio: 0.2 }))).toBe(0.2);
    expect(loadPerCore(latest(1, { load1: 3, cpu_cores: 0 }))).toBeNull();
    expect(loadPerCore(latest(1, { load1: 3, cpu_cores: 4 }))).toBe(0.75);
    expect(buildFleetRows([host('a')], new Map())[0]?.network).toBeNull();
  });
});
