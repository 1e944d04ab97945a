import { describe, expect, it } from 'vitest';

import type { GreatestSeries } from '../../../api/series';
import { makeGrid } from '../../../lib/snap';
import { decodeHostView } from '../../../state/hostAddress';
import { SECTION_IDS, type SectionId } from '../sectionIds';
import { text } from '../../../text';
import { type Note, type SectionTrackId, type Track, trackWords } from '../trackParts';
import {
  type Around,
  buildSectionGhost,
  buildSectionTrack,
  entitiesOf,
  entityKey,
  entityLabel,
} from './buildTrack';
import { MOST_LINES, type TrackSpec, tracksOf } from './readings';

const timeMs = [0, 5000, 10_000, 15_000];
const around: Around = {
  grid: makeGrid(timeMs, [1, 1, 1, 1], 5000),
  book: new Map(),
  notes: new Map(),
};

type Values = (number | null)[];

const answer = (
  entities: Record<string, Record<string, Values>>,
  other: Record<string, Values> | null = null,
  leftOut = 0,
): GreatestSeries => ({
  series: Object.entries(entities).map(([entity, columns]) => ({ entity, columns, timeMs, bucketMs: 5000 })),
  other: other && { columns: other, timeMs, bucketMs: 5000 },
  leftOut,
});

function spec(section: SectionId, id: SectionTrackId): TrackSpec {
  const found = tracksOf(section).find((one) => one.id === id);
  if (!found) throw new Error(`no track ${id}`);
  return found;
}

const labels = (track: Track | null): (string | undefined)[] => track?.lines.map(({ label }) => label) ?? [];

describe('tracks of sections', () => {
  it('whole disks count, partitions only where there is nothing else', () => {
    const busy = (whole: number): Record<string, Values> => ({
      whole: Array.from<number>({ length: 4 }).fill(whole),
      read_bytes_per_second: [10, 10, 10, 10],
    });
    const read = spec('disks', 'disk_read');
    const found = buildSectionTrack(read, answer({ sda: busy(1), sda1: busy(0), sdb: busy(1) }), around);
    expect(labels(found)).toEqual(['sda', 'sdb']);
    expect(found?.headline.values).toEqual([20, 20, 20, 20]);
    expect(found?.lines[1]?.drawn).toEqual([20, 20, 20, 20]);
    expect(labels(buildSectionTrack(read, answer({ dm0: busy(0) }), around))).toEqual(['dm0']);
  });

  it('what adds up is a stack with the rest on top, and a unit that is gone has no height', () => {
    const found = buildSectionTrack(
      spec('units', 'unit_memory'),
      answer(
        {
          '/system.slice/db.service': { memory_bytes: [100, 100, 100, 100] },
          '/system.slice/web.service': { memory_bytes: [50, null, null, 50] },
        },
        { memory_bytes: [5, 5, 5, 5] },
        12,
      ),
      around,
    );
    expect(labels(found)).toEqual(['db', 'web', 'other']);
    expect(found?.lines[2]?.drawn).toEqual([155, 105, 105, 155]);
    expect(found?.lines[1]?.values[1]).toBeNull();
    expect(found?.leftOut).toBe(0);
  });

  it('what does not add up has the greatest as headline, and says how many more there are', () => {
    const found = buildSectionTrack(
      spec('filesystems', 'fs_used'),
      answer(
        { '/': { used_ratio: [0.5, 0.5, 0.5, 0.5] }, '/data': { used_ratio: [0.9, 0.1, 0.1, 0.1] } },
        { used_ratio: [3, 3, 3, 3] },
        4,
      ),
      around,
    );
    expect(found?.headline.values).toEqual([0.9, 0.5, 0.5, 0.5]);
    expect(labels(found)).toEqual(['/', '/data']);
    expect(found?.leftOut).toBe(4);
  });

  it('pressure of a unit is the greatest of its three', () => {
    const found = buildSectionTrack(
      spec('units', 'unit_pressure'),
      answer({
        '/a.service': {
          cpu_pressure_some_ratio: [0.1, 0.2, null, 0],
          memory_pressure_some_ratio: [0.3, null, null, 0],
          io_pressure_some_ratio: [0, 0, null, 0.5],
        },
      }),
      around,
    );
    expect(found?.lines[0]?.values).toEqual([0.3, 0.2, null, 0.5]);
  });

  it('a reading that comes seldom stays until the next one, and not for ever', () => {
    const long = Array.from({ length: 40 }, (_, index) => index * 5000);
    const grid = makeGrid(
      long,
      long.map(() => 1),
      5000,
    );
    const found = buildSectionTrack(
      spec('filesystems', 'fs_bytes'),
      {
        series: [
          {
            entity: '/',
            timeMs: long,
            bucketMs: 5000,
            columns: { used_bytes: [7, 7, ...long.slice(2).map(() => null)] },
          },
        ],
        other: null,
        leftOut: 0,
      },
      { ...around, grid },
    );
    expect(found?.lines[0]?.values.findLastIndex((value) => value != null)).toBe(16);
  });

  it('a reading that comes seldom is there in a range between two of them', () => {
    const column = (used_bytes: Values): GreatestSeries => ({
      series: [
        { entity: '/', timeMs: [-70_000, -65_000, ...timeMs], bucketMs: 5000, columns: { used_bytes } },
      ],
      other: null,
      leftOut: 0,
    });
    const bytes = spec('filesystems', 'fs_bytes');
    const before = column([8, 7, null, null, null, null]);
    const found = buildSectionTrack(bytes, before, around);
    // 75 seconds later it is none any more.
    expect(found?.lines[0]?.values).toEqual([7, 7, 7, null]);
    expect(found?.headline.values).toEqual([7, 7, 7, null]);
    expect(buildSectionGhost(bytes, before, 0, around)?.values).toEqual([7, 7, 7, null]);
    const both = buildSectionTrack(bytes, column([8, 7, null, null, 9, null]), around);
    expect(both?.lines[0]?.values).toEqual([7, 7, 9, 9]);
    const down: Around = { ...around, grid: makeGrid(timeMs, [1, null, 1, 1], 5000) };
    expect(buildSectionTrack(bytes, before, down)?.lines[0]?.values).toEqual([7, null, 7, null]);
  });

  it('a reading that nothing has is no track', () => {
    expect(buildSectionTrack(spec('sensors', 'sensor_fan'), answer({}), around)).toBeNull();
    const noFans = answer({ cpu: { fan_rpm: [null, null, null, null] } });
    expect(buildSectionTrack(spec('sensors', 'sensor_fan'), noFans, around)).toBeNull();
    expect(buildSectionTrack(spec('sockets', 'sockets_tcp'), answer({ '': {} }), around)).toBeNull();
  });

  it('a note stands at its line', () => {
    const note: Note = { text: 'full in 3h', bad: true };
    const found = buildSectionTrack(
      spec('filesystems', 'fs_used'),
      answer({ '/data': { used_ratio: [0.9, 0.9, 0.9, 0.9] } }),
      { ...around, notes: new Map([['/data', note]]) },
    );
    expect(found?.lines[0]?.note).toEqual(note);
    const bytes = buildSectionTrack(
      spec('filesystems', 'fs_bytes'),
      answer({ '/data': { used_bytes: [9, 9, 9, 9] } }),
      { ...around, notes: new Map([['/data', note]]) },
    );
    expect(bytes?.lines[0]?.note).toBeUndefined();
  });

  it('many disks are ranked, and the least are added up', () => {
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `sd${String(index)}`,
        {
          whole: [1, 1, 1, 1],
          write_bytes_per_second: [index, index, index, index],
          busy_ratio: [0, 0, 0, 0],
        },
      ]),
    );
    const written = buildSectionTrack(spec('disks', 'disk_written'), answer(many), around);
    expect(written?.lines).toHaveLength(MOST_LINES + 1);
    expect(written?.lines[0]?.label).toBe('sd19');
    expect(written?.headline.values[0]).toBe(190);
    const busy = buildSectionTrack(spec('disks', 'disk_busy'), answer(many), around);
    expect([busy?.lines.length, busy?.leftOut]).toEqual([MOST_LINES, 13]);
    expect(entitiesOf(spec('disks', 'disk_written'), answer(many))).toHaveLength(MOST_LINES);
  });

  it('the same at an earlier time is one line', () => {
    const before: GreatestSeries = {
      series: [
        {
          entity: 'eth0',
          timeMs: timeMs.map((ms) => ms - 86_400_000),
          bucketMs: 5000,
          columns: { rx_bytes_per_second: [1, 2, 3, 4] },
        },
      ],
      other: null,
      leftOut: 0,
    };
    const received = spec('interfaces', 'if_received');
    expect(buildSectionGhost(received, before, 86_400_000, around)?.values).toEqual([1, 2, 3, 4]);
    expect(buildSectionGhost(received, before, 7 * 86_400_000, around)).toBeNull();
  });

  it('every line can be named in an address', () => {
    for (const entity of ['/', '/var/lib/docker', 'eth0', 'coretemp/Core 0', '数据', 'a'.repeat(300)]) {
      const name = `fs_used.${entityKey(entity)}`;
      expect(decodeHostView(`?only=${name}`).only, entity).toEqual([name]);
    }
    expect(entityKey('/a/b')).not.toBe(entityKey('/a-b'));
    for (const { id } of SECTION_IDS.flatMap(tracksOf))
      expect(decodeHostView(`?only=${id}.x`).only).toHaveLength(1);
  });

  it('tells of its section where that is not beside it', () => {
    for (const section of SECTION_IDS) {
      for (const { id } of tracksOf(section)) {
        const { title, full } = trackWords(id);
        expect(full).toBe(`${text.sections.titles[section]} · ${title}`);
      }
    }
    expect(trackWords('cpu').full).toBe('CPU');
  });

  it.each([
    ['cgroup', '/system.slice/nginx.service', 'nginx'],
    ['cgroup', `/system.slice/docker-${'3f'.repeat(32)}.scope`, 'docker-3f3f3f3f3f3f'],
    ['cgroup', '/user.slice/app-gnome-org.x\\x2dterm.scope', 'app-gnome-org.x-term'],
    ['cgroup', '/', '/'],
    ['disk', 'nvme0n1', 'nvme0n1'],
    ['filesystem', '/var/lib', '/var/lib'],
  ])('%s %s is called %s', (table, entity, label) => expect(entityLabel(table, entity)).toBe(label));
});
