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

export type FleetItem = { readonly kind: 'host'; readonly row: FleetRow } | GroupRow;

export function groupNameOf(row: FleetRow, group: FleetGroup): string | null {
  const { facts } = row.host;
  if (group === 'state') return row.state;
  if (group === 'agent') return row.agent;
  if (group === 'os') return facts?.os || null;
  return group === 'kernel' ? facts?.kernel || null : null;
}

/** Rows in their order, each group below a row of its own; groups by name, those without one last. */
export function buildItems(rows: readonly FleetRow[], group: FleetGroup): FleetItem[] {
  if (group === 'none') return rows.map((row) => ({ kind: 'host', row }));
  const groups = new Map<string | null, FleetRow[]>();
  for (const row of rows) {
    const name = groupNameOf(row, group);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  const order = [...groups.keys()].sort((left, right) =>
    left === null || right === null
      ? Number(left === null) - Number(right === null)
      : compareWords(left, right),
  );
  return order.flatMap((name): FleetItem[] => {
    const members = groups.get(name) ?? [];
    return [summed(name, members), ...members.map((row): FleetItem => ({ kind: 'host', row }))];
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
