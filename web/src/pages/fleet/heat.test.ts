import { describe, expect, it } from 'vitest';

import type { FleetSeries } from '../../api/fleet';

import { buildHeat, cellAt, findReading } from './heat';

const series: FleetSeries = {
  timeMs: [0, 60_000, 120_000],
  bucketMs: 60_000,
  hosts: [
    { host: 'web-10', hostId: 'web-10', values: [0.1, 0.2, null] },
    { host: 'web-9', hostId: 'web-9', values: [0.3, 0.95, 0.3] },
    { host: 'db', hostId: 'db', values: [null, null, null] },
  ],
  hostsTotal: 3,
};
const cpu = findReading('cpu_used_ratio');
const all = (): boolean => true;

describe('the heat map', () => {
  it('sorts by name, or by the hottest', () => {
    expect(buildHeat(series, cpu, all, false).rows.map(({ host }) => host)).toEqual([
      'db',
      'web-9',
      'web-10',
    ]);
    expect(buildHeat(series, cpu, all, true).rows.map(({ host }) => host)).toEqual(['web-9', 'web-10', 'db']);
  });
  it('names the hottest moments, and none of a host without readings', () => {
    expect(buildHeat(series, cpu, all, false).hottest).toEqual([
      { host: 'web-9', atMs: 90_000, value: 0.95 },
      { host: 'web-10', atMs: 90_000, value: 0.2 },
    ]);
  });
  it('has one scale for all hosts: shares to 1, others to a round number', () => {
    expect(buildHeat(series, cpu, all, false).top).toBe(1);
    expect(buildHeat(series, findReading('load1'), all, false).top).toBe(1);
    const bytes = { ...series, hosts: [{ host: 'a', hostId: 'a', values: [900, 5000, 0] }] };
    expect(buildHeat(bytes, findReading('net_rx_bytes_per_second'), all, false).top).toBe(6 * 1024);
  });
  it('shows only hosts that are wanted', () => {
    expect(buildHeat(series, cpu, (host) => host.startsWith('web'), false).rows).toHaveLength(2);
  });
  it('finds the cell under the pointer, and none where nothing was recorded', () => {
    const heat = buildHeat(series, cpu, all, true);
    expect(cellAt(heat, series, 0.5, 0.1)).toEqual({ host: 'web-9', atMs: 90_000, value: 0.95 });
    expect(cellAt(heat, series, 0.9, 0.5)).toBeNull();
    expect(cellAt(heat, series, 1, 1)).toBeNull();
  });
});
