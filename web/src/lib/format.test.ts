import { describe, expect, it } from 'vitest';

import {
  formatBytes,
  formatBytesShort,
  formatCores,
  formatCount,
  formatCpuSeconds,
  formatDuration,
  formatNumber,
  formatRate,
  formatRatio,
} from './format';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [999, '999 B'],
    [1000, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [102_400, '100 KiB'],
    [1023 * 1024, '1.0 MiB'],
    [64 * 2 ** 30, '64.0 GiB'],
    [-2048, '-2.0 KiB'],
    [5 * 2 ** 60, '5120 PiB'],
  ])('%d → %s', (value, expected) => expect(formatBytes(value)).toBe(expected));
});

describe('absent values', () => {
  it.each([
    formatBytes,
    formatBytesShort,
    formatRate,
    formatRatio,
    formatCores,
    formatNumber,
    formatCount,
    formatDuration,
    formatCpuSeconds,
  ])('%o shows a dash, never a zero', (format) => {
    expect(format(null)).toBe('–');
    expect(format(undefined)).toBe('–');
    expect(format(Number.NaN)).toBe('–');
    expect(format(0)).not.toBe('–');
  });
});

describe('ratios and cores', () => {
  it('shows shares as percentages', () => {
    expect(formatRatio(0.1234)).toBe('12.3%');
    expect(formatRatio(1, 0)).toBe('100%');
  });
  it('shows cores as percent of one core', () => {
    expect(formatCores(0.004)).toBe('0.4%');
    expect(formatCores(1.5)).toBe('150.0%');
    expect(formatCores(12.34)).toBe('1234%');
  });
});

describe('formatCount', () => {
  it.each([
    [0, '0'],
    [9999, '9999'],
    [12_345, '12.3k'],
    [999_600, '1.0M'],
    [250_000, '250k'],
  ])('%d → %s', (value, expected) => expect(formatCount(value)).toBe(expected));
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [0.25, '250ms'],
    [1, '1s'],
    [2.5, '2.5s'],
    [75, '1m 15s'],
    [3600, '1h'],
    [3605, '1h'],
    [93_784, '1d 2h'],
    [59.9, '1m'],
    [-30, '-30s'],
  ])('%d s → %s', (value, expected) => expect(formatDuration(value)).toBe(expected));
});

describe('formatCpuSeconds', () => {
  it.each([
    [0.004, '0.00s'],
    [1.234, '1.23s'],
    [12.34, '12.3s'],
    [754, '12m 34s'],
  ])('%d s → %s', (value, expected) => expect(formatCpuSeconds(value)).toBe(expected));
});

describe('formatBytesShort', () => {
  it.each([
    [64 * 2 ** 30, '64 GiB'],
    [1536, '1.5 KiB'],
    [20, '20 B'],
  ])('%d → %s', (value, expected) => expect(formatBytesShort(value)).toBe(expected));
});

describe('formatRate', () => {
  it('adds the unit', () => expect(formatRate(2048)).toBe('2.0 KiB/s'));
});
