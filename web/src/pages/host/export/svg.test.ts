import { describe, expect, it } from 'vitest';

import type { Series } from '../../../api/series';
import { palettes } from '../../../palette';
import { buildTracks } from '../tracks';
import { type Track, trackWords } from '../trackParts';
import { type Drawing, buildSvg } from './svg';

const timeMs = [0, 5000, 10_000, 15_000];
const series: Series = {
  timeMs,
  bucketMs: 5000,
  columns: {
    cpu_cores: [4, 4, null, 4],
    cpu_user_ratio: [0.2, 0.4, null, 0.2],
    cpu_system_ratio: [0.1, 0.1, null, 0.1],
    disk_read_bytes_per_second: [1, 2, null, 4],
  },
};

const tracks = buildTracks(series);

const drawing = (of: readonly Track[], more: Partial<Drawing> = {}): Drawing => ({
  title: 'web-1',
  span: { fromMs: 0, toMs: 20_000 },
  timeMs,
  bucketMs: 5000,
  gaps: [],
  tracks: of.map((track) => ({ title: trackWords(track.id).title, track, more: [] })),
  ...more,
});

/** Every opened element is closed, in order. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, end, name = '', single] of svg.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/gi)) {
    if (single === '/') continue;
    if (end === '') open.push(name);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}

describe('the charts as SVG', () => {
  it('has title, names, legend and axis, and is whole', () => {
    const svg = buildSvg(drawing(tracks));
    expect(isWellFormed(svg)).toBe(true);
    for (const said of ['web-1', 'CPU', 'user', 'Disk', '100%', '50%', palettes.light.line.blue]) {
      expect(svg).toContain(said);
    }
    expect(svg).not.toMatch(/NaN|Infinity|undefined|null/);
  });

  it('a line ends at a gap, and the gap is hatched', () => {
    const times = Array.from({ length: 12 }, (_, index) => index * 5000);
    const values = times.map((ms) => (ms >= 20_000 && ms < 45_000 ? null : 0.2));
    const columns = { cpu_cores: values, cpu_user_ratio: values };
    const cpu = buildTracks({ timeMs: times, bucketMs: 5000, columns }).filter(({ id }) => id === 'cpu');
    const gaps = [{ fromMs: 20_000, toMs: 45_000 }];
    const svg = buildSvg(drawing(cpu, { timeMs: times, span: { fromMs: 0, toMs: 60_000 }, gaps }));
    const user = new RegExp(`<path d="([^"]+)" fill="${palettes.light.line.blue}"`).exec(svg)?.[1] ?? '';
    expect(user.match(/M/g)).toHaveLength(2);
    expect(svg).toContain('url(#gap)');
    expect(buildSvg(drawing(cpu))).not.toContain('fill="url(#gap)"');
  });

  it('what processes are called is text', () => {
    const [cpu] = tracks;
    if (!cpu) throw new Error('no track');
    const evil = '</text><script>alert(1)</script>&"\u0000';
    const track = { ...cpu, lines: cpu.lines.map((line) => ({ ...line, label: evil })) };
    const svg = buildSvg(drawing([track], { title: evil }));
    expect(svg).not.toContain('<script');
    expect(svg).not.toContain('\u0000');
    expect(isWellFormed(svg)).toBe(true);
  });

  it('makes do with nothing at all', () => {
    expect(isWellFormed(buildSvg(drawing([])))).toBe(true);
    const empty = buildTracks({ timeMs: [], columns: {}, bucketMs: 5000 });
    const svg = buildSvg(drawing(empty, { timeMs: [], span: { fromMs: 5, toMs: 5 } }));
    expect(isWellFormed(svg)).toBe(true);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});
