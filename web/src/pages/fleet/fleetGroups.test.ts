import { describe, expect, it } from 'vitest';

import type { Facts, Host } from '../../api/hosts';

import { buildItems, tagKeys } from './fleetGroups';
import { buildFleetRows, filterFleet } from './fleetRows';

const host = (name: string, os: string | null, cpu: number | null, state: Host['state'] = 'up'): Host => ({
  id: name,
  name,
  tags: [],
  ownTags: [],
  state,
  lastSeenMs: 1,
  createdMs: 0,
  clockOffsetMs: null,
  bufferedFrames: 0,
  gaps: null,
  agentVersion: '0.1.0',
  conflict: null,
  alert: null,
  facts:
    os === null ? null : ({ os, kernel: '6.1', addresses: [], architecture: 'x86_64' } as unknown as Facts),
  latest: cpu === null ? null : ({ timeMs: 1, cpu_used_ratio: cpu } as Host['latest']),
});

const rows = buildFleetRows(
  [
    host('b', 'Debian 12', 0.4),
    host('a', 'Debian 12', 0.2),
    host('c', 'Alma 9', 0.9),
    host('d', null, null, 'down'),
  ],
  new Map(),
).rows;

describe('groups of the fleet', () => {
  it('stand above their hosts, whose order stays, those without one last', () => {
    const items = buildItems(rows, 'os');
    expect(items.map((item) => (item.kind === 'group' ? `[${item.name ?? '?'}]` : item.row.name))).toEqual([
      '[Alma 9]',
      'c',
      '[Debian 12]',
      'b',
      'a',
      '[?]',
      'd',
    ]);
    const debian = items[2];
    expect(debian).toMatchObject({ hosts: 2, up: 2, memory: null });
    expect(debian?.kind === 'group' ? debian.cpu : null).toBeCloseTo(0.3);
    expect(items[5]).toMatchObject({ hosts: 1, up: 0, cpu: null });
  });
  it('are not there unless wanted', () => {
    expect(buildItems(rows, 'none').every((item) => item.kind === 'host')).toBe(true);
  });
});

describe('the filter of the fleet', () => {
  it('knows words, or, not and numbers', () => {
    const names = (filter: string): string[] => filterFleet(rows, filter).map(({ name }) => name);
    expect(names('os:debian or name:c')).toEqual(['b', 'a', 'c']);
    expect(names('cpu>30% -os:alma')).toEqual(['b']);
    expect(names('state:down')).toEqual(['d']);
  });

  it('of tags have each host in all of its groups, and of a key in one', () => {
    const tagged = buildFleetRows(
      [
        { ...host('a', null, 0.2), tags: ['db', 'dc=eu'] },
        { ...host('b', null, 0.2), tags: ['db', 'dc=us'] },
        host('c', null, 0.2),
      ],
      new Map(),
    ).rows;
    const shown = (group: 'tag' | 'tag:dc') =>
      buildItems(tagged, group).map((item) =>
        item.kind === 'group' ? `[${item.name ?? '?'}]` : item.row.name,
      );
    expect(shown('tag')).toEqual(['[db]', 'a', 'b', '[dc=eu]', 'a', '[dc=us]', 'b', '[?]', 'c']);
    expect(shown('tag:dc')).toEqual(['[eu]', 'a', '[us]', 'b', '[?]', 'c']);
    const keys = buildItems(tagged, 'tag').flatMap((item) => (item.kind === 'host' ? [item.key] : []));
    expect(new Set(keys).size).toBe(keys.length);
    expect(tagKeys(tagged)).toEqual(['dc']);
    expect(filterFleet(tagged, 'tag:dc=eu').map(({ name }) => name)).toEqual(['a']);
    expect(filterFleet(tagged, 'db -us').map(({ name }) => name)).toEqual(['a']);
  });
});
