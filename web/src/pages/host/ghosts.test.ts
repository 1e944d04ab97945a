import { describe, expect, it } from 'vitest';

import type { Series } from '../../api/series';
import { makeGrid } from '../../lib/snap';

import { buildGhosts } from './ghosts';
import { isolate, toggleOnly } from './isolate';
import { buildTracks } from './tracks';

const DAY = 86_400_000;
const times = [0, 5000, 10_000, 15_000];
const series = (startMs: number, cpu: readonly (number | null)[]): Series => ({
  timeMs: times.map((ms) => startMs + ms),
  bucketMs: 5000,
  columns: {
    cpu_cores: cpu.map((value) => (value === null ? null : 4)),
    cpu_used_ratio: cpu,
    cpu_user_ratio: cpu,
    cpu_system_ratio: cpu,
    disk_read_bytes_per_second: cpu,
  },
});

describe('ghosts', () => {
  it('lie at the same time of day, gaps stay gaps', () => {
    const ghosts = buildGhosts(series(DAY, [0.1, 0.2, 0.3, 0.4]), series(0, [0.5, null, null, 0.8]), DAY);
    expect(ghosts.cpu?.[0]?.values).toEqual([0.5, null, null, 0.8]);
    expect(ghosts.cpu?.[0]?.style).toBe('ghost');
    expect(ghosts.disk?.map(({ key }) => key)).toEqual(['ghost-disk_read_bytes_per_second']);
    expect(ghosts.load).toEqual([]);
  });
  it('are not there when nothing was recorded then', () => {
    const ghosts = buildGhosts(series(DAY, [0.1, 0.2, 0.3, 0.4]), series(0, [null, null, null, null]), DAY);
    expect(Object.values(ghosts).flat()).toEqual([]);
  });
});

describe('lines alone', () => {
  const now = series(0, [0.05, 0.05, 0.02, 0.05]);
  const track = buildTracks(now)[0];
  const grid = makeGrid(now.timeMs, now.columns['cpu_cores'] ?? [], 5000);
  it('start at zero and have an axis of their own', () => {
    if (!track) throw new Error('there is no track of the CPU');
    expect(track.max).toBe(0.25);
    const alone = isolate(track, ['cpu.system'], grid, []);
    expect(alone.lines.map(({ key, style }) => [key, style])).toEqual([['system', 'area']]);
    expect(alone.lines[0]?.drawn).toEqual([0.05, 0.05, 0.02, 0.05]);
    expect(alone.max).toBe(0.1);
    expect(isolate(track, ['memory.used', 'cpu.nothing'], grid, [])).toBe(track);
  });
  it('are one at a time, or several', () => {
    expect(toggleOnly([], 'cpu.user', false)).toEqual(['cpu.user']);
    expect(toggleOnly(['cpu.user', 'memory.used'], 'cpu.system', false)).toEqual([
      'memory.used',
      'cpu.system',
    ]);
    expect(toggleOnly(['cpu.user'], 'cpu.user', false)).toEqual([]);
    expect(toggleOnly(['cpu.user'], 'cpu.system', true)).toEqual(['cpu.user', 'cpu.system']);
    expect(toggleOnly(['cpu.user', 'cpu.system'], 'cpu.user', true)).toEqual(['cpu.system']);
  });
});
