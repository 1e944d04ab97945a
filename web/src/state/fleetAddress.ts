/** The fleet page's part of its address: sort order and filter. */
import type { Sort } from './hostAddress';

export interface FleetView {
  readonly sort: Sort;
  readonly filter: string;
}

export const DEFAULT_FLEET: FleetView = { sort: { column: 'name', descending: false }, filter: '' };

export function encodeFleetView(view: FleetView): string {
  const params = new URLSearchParams();
  if (view.sort.column !== DEFAULT_FLEET.sort.column || view.sort.descending) {
    params.set('sort', (view.sort.descending ? '-' : '') + view.sort.column);
  }
  if (view.filter !== '') params.set('filter', view.filter);
  const search = params.toString();
  return search === '' ? '' : `?${search}`;
}

export function decodeFleetView(search: string): FleetView {
  const params = new URLSearchParams(search);
  const match = /^(-?)([a-z_]{1,32})$/.exec(params.get('sort') ?? '');
  return {
    sort: match?.[2] === undefined ? DEFAULT_FLEET.sort : { column: match[2], descending: match[1] === '-' },
    filter: params.get('filter') ?? '',
  };
}
