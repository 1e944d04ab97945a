import { describe, expect, it } from 'vitest';

import type { Series } from '../../api/series';

import { buildOverlay } from './overlay';
import { HOST_COLUMNS } from './hostColumns';
import { buildTracks } from './tracks';

const timeMs = [0, 5000, 10_000, 15_000];

function series(columns: Record<string, (number | null)[]>): Series {
  return { timeMs, columns, bucketMs: 5000 };
}

const track = (id: string, from: Series) => buildTracks(from).find((one) => one.id === id);

describe('buildTracks', () => {
  it('stacks CPU time, adds related states up and keeps gaps', () => {
    const cpu = track(
      'cpu',
      series({
        cpu_used_ratio: [0.3, 0.4, null, null],
        cpu_user_ratio: [0.2, 0.2, null, null],
        cpu_nice_ratio: [0, 0.1, null, null],
        cpu_system_ratio: [0.1, 0.1, null, null],
        cpu_cores: [4, 4, null, null],
      }),
    );
    const user = cpu?.lines[0];
    const system = cpu?.lines[1];
    expect(user?.values).toEqual([0.2, 0.2 + 0.1, null, null]);
    expect(system?.values).toEqual([0.1, 0.1, null, null]);
    expect(system?.drawn[1]).toBeCloseTo(0.4);
    expect(system?.drawn.slice(2)).toEqual([null, null]);
    expect(cpu?.max).toBe(0.5);
  });

  it('never takes an absent reading for zero', () => {
    const pressure = track('pressure', series({ io_pressure_some_ratio: [0.5, null, 0.1, 0.2] }));
    expect(pressure?.lines.map((line) => line.values)).toEqual([[], [], [0.5, null, 0.1, 0.2]]);
    const memory = track(
      'memory',
      series({ memory_available_bytes: [5, 5, null, 5], memory_free_bytes: [1, null, 1, 9] }),
    );
    expect(memory?.lines.find((line) => line.key === 'cache')?.values).toEqual([4, null, null, 0]);
  });

  it('scales memory to what the machine has', () => {
    expect(
      track('memory', series({ memory_total_bytes: [64, 64, 64, 64], memory_used_bytes: [1, 2, 3, 4] }))?.max,
    ).toBe(64);
  });

  it('makes do with no data at all', () => {
    expect(buildTracks({ timeMs: [], columns: {}, bucketMs: 5000 })).toHaveLength(6);
    expect(new Set(HOST_COLUMNS).size).toBe(HOST_COLUMNS.length);
  });
});

describe('buildOverlay', () => {
  it('shows the CPU of a process as a share of the machine, and leaves out what was not recorded', () => {
    const host = series({ cpu_cores: [4, 4, 4, 4] });
    const process: Series = {
      timeMs: [5000, 10_000],
      bucketMs: 5000,
      columns: { cpu_ratio: [2, null], rss_bytes: [7, 8], net_rx_bytes_per_second: [null, null] },
    };
    const overlay = buildOverlay(host, process);
    expect(overlay.cpu?.[0]?.values).toEqual([null, 0.5, null, null]);
    expect(overlay.memory?.[0]?.values).toEqual([null, 7, 8, null]);
    expect(overlay.network).toEqual([]);
    expect(overlay.disk).toEqual([]);
  });
});
