import { describe, expect, it } from 'vitest';

import { plainName, unitOf } from './units';

describe('units by the name of a column', () => {
  it.each([
    ['cpu_ratio', 1.5, '150.0%'],
    ['cpu_used_ratio', 0.5, '50.0%'],
    ['disk_busy_ratio_max', 0.5, '50.0%'],
    ['rss_bytes', 1536, '1.5 KiB'],
    ['disk_bytes_per_second', 1536, '1.5 KiB/s'],
    ['rx_bits_per_second', 12_345, '12.3kbit/s'],
    ['temperature_max_celsius', 41.5, '41.5 °C'],
    ['await_ms', 250, '250ms'],
    ['uptime_seconds', 90, '1m 30s'],
    ['forks_per_second', 2.5, '2.5/s'],
    ['load1', 0.5, '0.5'],
    ['processes', 312, '312'],
    ['load1', 0, '0'],
    ['value', 10, '10'],
  ])('%s %d is %s', (column, value, expected) => expect(unitOf(column).format(value)).toBe(expected));

  it.each(['cpu_ratio', 'rx_bits_per_second', 'await_ms', 'celsius', 'value', 'x_bytes'])(
    'an absent %s is a dash',
    (column) => expect(unitOf(column).format(null)).toBe('–'),
  );

  it.each(['cpu_ratio', 'cpu_used_ratio', 'rss_bytes', 'value', 'await_ms'])(
    'an axis of %s is above it',
    (column) => {
      for (const highest of [0, 0.004, 0.7, 3, 12_345])
        expect(unitOf(column).fit(highest)).toBeGreaterThanOrEqual(highest);
    },
  );

  it.each([
    ['disk_read_bytes_per_second', 'disk read'],
    ['used_ratio', 'used'],
    ['disk_busy_ratio_max', 'disk busy max'],
    ['load1', 'load1'],
    ['forks_per_second', 'forks'],
  ])('%s is called %s', (column, expected) => expect(plainName(column)).toBe(expected));
});
