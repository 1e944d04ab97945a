/** The fleet page's part of its address: how it is shown, sort order and filter. */
import { formatLength, parseLength } from '../lib/range';
import type { Sort } from './hostAddress';

/** What hosts are put together by. */
export type FleetGroup = 'none' | 'state' | 'os' | 'kernel' | 'agent' | 'tag' | `tag:${string}`;

export type FleetKind = 'table' | 'grid' | 'heat';

export interface FleetView {
  /** Null: as whoever looks likes it. */
  readonly view: FleetKind | null;
  readonly sort: Sort;
  readonly filter: string;
  readonly group: FleetGroup;
  /** Of the heat map: a column of the table `host`, and the newest stretch of time. */
  readonly reading: string;
  readonly rangeMs: number;
}

/** Those that are always there; `tag:dc` is by the value of the tag `dc=…`. */
export const FLEET_GROUPS = ['none', 'state', 'os', 'kernel', 'agent', 'tag'] as const;

export function readGroup(text: string | null): FleetGroup {
  const known = FLEET_GROUPS.find((group) => group === text);
  const key = /^tag:(.{1,64})$/.exec(text ?? '')?.[1];
  return known ?? (key === undefined ? 'none' : `tag:${key}`);
}

export const FLEET_KINDS = ['table', 'grid', 'heat'] as const satisfies readonly FleetKind[];

export const DEFAULT_FLEET: FleetView = {
  view: null,
  sort: { column: 'name', descending: false },
  filter: '',
  group: 'none',
  reading: 'cpu_used_ratio',
  rangeMs: 3_600_000,
};

export function encodeFleetView(view: FleetView): string {
  const params = new URLSearchParams();
  if (view.view !== null) params.set('view', view.view);
  if (view.reading !== DEFAULT_FLEET.reading) params.set('reading', view.reading);
  if (view.rangeMs !== DEFAULT_FLEET.rangeMs) params.set('range', formatLength(view.rangeMs));
  if (view.group !== 'none') params.set('group', view.group);
  if (view.sort.column !== DEFAULT_FLEET.sort.column || view.sort.descending) {
    params.set('sort', (view.sort.descending ? '-' : '') + view.sort.column);
  }
  if (view.filter !== '') params.set('filter', view.filter);
  const search = params.toString();
  return search === '' ? '' : `?${search}`;
}

export function decodeFleetView(search: string): FleetView {
  const params = new URLSearchParams(search);
  const sort = /^(-?)([a-z_]{1,32})$/.exec(params.get('sort') ?? '');
  const reading = params.get('reading') ?? '';
  return {
    view: FLEET_KINDS.find((kind) => kind === params.get('view')) ?? null,
    sort: sort?.[2] === undefined ? DEFAULT_FLEET.sort : { column: sort[2], descending: sort[1] === '-' },
    filter: params.get('filter') ?? '',
    group: readGroup(params.get('group')),
    reading: /^[a-z0-9_]{1,64}$/.test(reading) ? reading : DEFAULT_FLEET.reading,
    rangeMs: parseLength(params.get('range') ?? '') ?? DEFAULT_FLEET.rangeMs,
  };
}
