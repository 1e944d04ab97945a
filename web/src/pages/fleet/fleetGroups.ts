/** Hosts put together by what they have in common. */
import { compareWords } from '../../lib/words';
import type { FleetGroup } from '../../state/fleetAddress';
import type { FleetRow } from './fleetRows';

export interface GroupRow {
  readonly kind: 'group';
  /** Null where the hosts do not tell. */
  readonly name: string | null;
  readonly hosts: number;
  readonly up: number;
  /** Means over those that are up; null where none tells. */
  readonly cpu: number | null;
  readonly memory: number | null;
}

export type FleetItem =
  | {
      readonly kind: 'host';
      /** A host with several tags stands in several groups. */
      readonly key: string;
      readonly row: FleetRow;
    }
  | GroupRow;

/** Groups that a host is in, at least one. */
export function groupNamesOf(row: FleetRow, group: FleetGroup): readonly (string | null)[] {
  const { facts, tags } = row.host;
  if (group === 'state') return [row.state];
  if (group === 'agent') return [row.agent];
  if (group === 'os') return [facts?.os || null];
  if (group === 'kernel') return [facts?.kernel || null];
  if (group === 'tag') return tags.length === 0 ? [null] : tags;
  const start = `${group.slice('tag:'.length)}=`;
  return [tags.find((tag) => tag.startsWith(start))?.slice(start.length) ?? null];
}

/** More keys than these are not offered to group by. */
const MOST_KEYS = 30;

/** Keys of tags, such as `dc` of `dc=eu`, that some hosts have. */
export function tagKeys(rows: readonly FleetRow[]): readonly string[] {
  const keys = new Set<string>();
  for (const { host } of rows) {
    for (const tag of host.tags) {
      const end = tag.indexOf('=');
      if (end > 0) keys.add(tag.slice(0, end));
    }
  }
  return [...keys].sort(compareWords).slice(0, MOST_KEYS);
}

/** Rows in their order, each group below a row of its own; groups by name, those without one last. */
export function buildItems(rows: readonly FleetRow[], group: FleetGroup): FleetItem[] {
  const item = (row: FleetRow, name: string): FleetItem => ({
    kind: 'host',
    key: `${row.host.id} ${name}`,
    row,
  });
  if (group === 'none') return rows.map((row) => item(row, ''));
  const groups = new Map<string | null, FleetRow[]>();
  for (const row of rows) {
    for (const name of groupNamesOf(row, group)) {
      const members = groups.get(name);
      if (members) members.push(row);
      else groups.set(name, [row]);
    }
  }
  const order = [...groups.keys()].sort((left, right) =>
    left === null || right === null
      ? Number(left === null) - Number(right === null)
      : compareWords(left, right),
  );
  return order.flatMap((name): FleetItem[] => {
    const members = groups.get(name) ?? [];
    return [summed(name, members), ...members.map((row) => item(row, name ?? ''))];
  });
}

function summed(name: string | null, rows: readonly FleetRow[]): GroupRow {
  const up = rows.filter((row) => row.state === 'up');
  return {
    kind: 'group',
    name,
    hosts: rows.length,
    up: up.length,
    cpu: meanOf(up.map((row) => row.cpu)),
    memory: meanOf(up.map((row) => row.memory)),
  };
}

function meanOf(values: readonly (number | null)[]): number | null {
  const present = values.filter((value) => value !== null);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}
