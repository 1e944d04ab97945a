/**
 * Everything a colleague needs to see the same host page, as the search part of its address. What has its
 * default value is left out; what cannot be read falls back to its default.
 */
import type { Group, ProcessKey, Resource } from '../api/processes';
import type { Range, Span } from '../lib/range';

import { COMPARISONS, type Comparison } from '../lib/compare';
import { DEFAULT_RANGE, formatLength, parseLength } from '../lib/range';
import { decodeInstant, encodeInstant } from '../lib/time';

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

/** What one row of the process table stands for; a tree shows who started whom. */
export type RowKind = Group | 'tree';

/** What a range is compared with to find what changed: the time right before it, or the same time earlier. */
export type Against = 'before' | Comparison;

/** One reading of a table in a chart of its own. */
export interface Reading {
  readonly table: string;
  readonly column: string;
  /** Which disk, file system, …; null where the table is about the host as a whole. */
  readonly entity: string | null;
}

export interface HostView {
  readonly range: Range;
  /** The instant the process table is pinned to. */
  readonly pinMs: number | null;
  /** The dragged range that the process table shows the totals of. */
  readonly selection: Span | null;
  /** The process whose lines overlay the charts. */
  readonly process: ProcessKey | null;
  readonly group: RowKind;
  readonly sort: Sort;
  readonly filter: string;
  /** The earlier time that is drawn behind the charts. */
  readonly compare: Comparison | null;
  /** Lines shown alone in their track, as `track.line`. */
  readonly only: readonly string[];
  /** What the chart of the top processes is of. */
  readonly top: Resource;
  /** What changed in the selection, in place of the process table. */
  readonly changes: Against | null;
  readonly reading: Reading | null;
}

export const DEFAULT_SORT: Sort = { column: 'cpu', descending: true };

export const DEFAULT_VIEW: HostView = {
  range: DEFAULT_RANGE,
  pinMs: null,
  selection: null,
  process: null,
  group: 'process',
  sort: DEFAULT_SORT,
  filter: '',
  compare: null,
  only: [],
  top: 'cpu',
  changes: null,
  reading: null,
};

export const RESOURCES: readonly Resource[] = ['cpu', 'memory', 'disk', 'network'];
export const AGAINST: readonly Against[] = ['before', ...COMPARISONS];

export const ROW_KINDS: readonly RowKind[] = [
  'process',
  'tree',
  'name',
  'command',
  'user',
  'unit',
  'container',
];

/** More lines than these are not told apart. */
const MOST_ONLY = 20;

export function encodeHostView(view: HostView): string {
  const parts: string[] = [];
  const add = (name: string, value: string): void => {
    parts.push(`${name}=${readable(encodeURIComponent(value))}`);
  };
  if (view.range.kind === 'fixed') {
    add('from', encodeInstant(view.range.fromMs));
    add('to', encodeInstant(view.range.toMs));
  } else if (DEFAULT_RANGE.kind !== 'last' || view.range.ms !== DEFAULT_RANGE.ms) {
    add('range', formatLength(view.range.ms));
  }
  if (view.pinMs !== null) add('at', encodeInstant(view.pinMs));
  if (view.selection) add('selection', encodeSpan(view.selection));
  if (view.process) add('process', `${String(view.process.pid)}@${encodeInstant(view.process.startMs)}`);
  if (view.group !== 'process') add('group', view.group);
  if (view.sort.column !== DEFAULT_SORT.column || view.sort.descending !== DEFAULT_SORT.descending) {
    add('sort', (view.sort.descending ? '-' : '') + view.sort.column);
  }
  if (view.filter !== '') add('filter', view.filter);
  if (view.compare) add('compare', view.compare);
  if (view.only.length > 0) add('only', view.only.join(','));
  if (view.top !== 'cpu') add('top', view.top);
  if (view.changes) add('changes', view.changes);
  if (view.reading) add('reading', encodeReading(view.reading));
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Colons and the like are allowed in a search string; escaped they only make times hard to read. */
function readable(escaped: string): string {
  return escaped.replace(/%3A/g, ':').replace(/%40/g, '@').replace(/%2F/g, '/').replace(/%2C/g, ',');
}

export function decodeHostView(search: string): HostView {
  const params = new URLSearchParams(search);
  const group = params.get('group');
  return {
    range: decodeRange(params),
    pinMs: decodeInstant(params.get('at')),
    selection: decodeSpan(params.get('selection')),
    process: decodeProcess(params.get('process')),
    group: ROW_KINDS.find((known) => known === group) ?? 'process',
    sort: decodeSort(params.get('sort')),
    filter: params.get('filter') ?? '',
    compare: COMPARISONS.find((known) => known === params.get('compare')) ?? null,
    only: decodeOnly(params.get('only')),
    top: RESOURCES.find((known) => known === params.get('top')) ?? 'cpu',
    changes: AGAINST.find((known) => known === params.get('changes')) ?? null,
    reading: decodeReading(params.get('reading')),
  };
}

function decodeRange(params: URLSearchParams): Range {
  const fromMs = decodeInstant(params.get('from'));
  const toMs = decodeInstant(params.get('to'));
  if (fromMs !== null && toMs !== null && fromMs < toMs) return { kind: 'fixed', fromMs, toMs };
  const ms = parseLength(params.get('range') ?? '');
  return ms === null ? DEFAULT_RANGE : { kind: 'last', ms };
}

function encodeSpan(span: Span): string {
  return `${encodeInstant(span.fromMs)}/${encodeInstant(span.toMs)}`;
}

function decodeSpan(text: string | null): Span | null {
  const [from = '', to = ''] = (text ?? '').split('/');
  const fromMs = decodeInstant(from);
  const toMs = decodeInstant(to);
  return fromMs !== null && toMs !== null && fromMs < toMs ? { fromMs, toMs } : null;
}

function decodeOnly(text: string | null): readonly string[] {
  return (text ?? '')
    .split(',')
    .filter((name) => /^[a-z_]{1,32}\.[a-z0-9_-]{1,32}$/.test(name))
    .slice(0, MOST_ONLY);
}

function encodeReading({ table, column, entity }: Reading): string {
  return entity === null ? `${table}.${column}` : `${table}.${column}:${entity}`;
}

function decodeReading(text: string | null): Reading | null {
  const match = /^([a-z_]{1,32})\.([a-z0-9_]{1,64})(?::(.{1,200}))?$/.exec(text ?? '');
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { table: match[1], column: match[2], entity: match[3] ?? null };
}

function decodeProcess(text: string | null): ProcessKey | null {
  const match = /^(\d{1,10})@(.+)$/.exec(text ?? '');
  const startMs = decodeInstant(match?.[2] ?? null);
  return match === null || startMs === null ? null : { pid: Number(match[1]), startMs };
}

function decodeSort(text: string | null): Sort {
  const match = /^(-?)([a-z_]{1,32})$/.exec(text ?? '');
  if (match?.[2] === undefined) return DEFAULT_SORT;
  return { column: match[2], descending: match[1] === '-' };
}
