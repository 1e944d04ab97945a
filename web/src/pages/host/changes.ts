/** What changed in a range, as one ranked list: each line says what, from what to what, and where to look. */
import type { Change, Changes } from '../../api/changes';
import type { Group } from '../../api/processes';
import { entityName } from '../../api/series';
import { unitOf } from '../../lib/units';
import { type HostView, encodeHostView } from '../../state/hostAddress';
import { hostPath, processPath } from '../../state/router';
import { text } from '../../text';
import { readingName } from './readingTrack';

export type ChangeKind = 'process' | 'reading' | 'connection';

export interface ChangeRow {
  readonly id: string;
  readonly kind: ChangeKind;
  readonly name: string;
  readonly detail: string;
  /** From 0, no change, to 20; above 3 is worth a look. */
  readonly score: number;
  /** The number that changed most, first. */
  readonly numbers: readonly ChangedNumber[];
  /** Where it is seen. */
  readonly href: string;
}

export interface ChangedNumber {
  readonly label: string;
  readonly before: string;
  readonly value: string;
  /** `new`, `gone`, or by how much: `×3.2`, `−40%`. */
  readonly by: string;
}

/** Numbers of one line. */
const MOST_NUMBERS = 2;
/** Below this share of the other a number is as good as none. */
const NOTHING = 0.001;

export function changeBy(before: number, value: number): string {
  const [small, large] = [Math.abs(before), Math.abs(value)];
  if (large === 0 && small === 0) return '';
  if (small <= large * NOTHING) return text.changes.appeared;
  if (large <= small * NOTHING) return text.changes.gone;
  const factor = value / before;
  if (factor >= 2) return `×${factor >= 9.95 ? factor.toFixed(0) : factor.toFixed(1)}`;
  const percent = Math.round((factor - 1) * 100);
  return percent < 0 ? `−${String(-percent)}%` : `+${String(percent)}%`;
}

const words: Readonly<Record<string, string>> = text.changes.columns;

function numberOf(change: Change): ChangedNumber {
  const { format } = unitOf(change.column);
  return {
    label: words[change.column] ?? '',
    before: format(change.before),
    value: format(change.value),
    by: changeBy(change.before, change.value),
  };
}

/** Only what moved; of readings that is the one number there is. */
function numbersOf(changes: readonly Change[]): ChangedNumber[] {
  const moved = changes.filter(({ score }, index) => index === 0 || score >= 1);
  return moved.slice(0, MOST_NUMBERS).map(numberOf);
}

/** `view` is what the page shows; each line leads to it with what it is about. */
export function buildChanges(host: string, view: HostView, group: Group, answer: Changes): ChangeRow[] {
  const here = (part: Partial<HostView>): string => hostPath(host) + encodeHostView({ ...view, ...part });
  const filtered = (filter: string): string => here({ changes: null, group: 'process', filter });
  const processes = answer.processes.map((process): ChangeRow => {
    const { key, score, changes } = process;
    const name = (group === 'process' ? process.name : process[group]) ?? text.processes.ungrouped;
    const id = key ? `${String(key.pid)}@${String(key.startMs)}` : `${group}:${name}`;
    const detail = [key ? String(key.pid) : '', key ? (process.command ?? '') : text.processes.groups[group]];
    const page = { ...view, changes: null, process: null, only: [], compare: null, reading: null };
    return {
      id: `process:${id}`,
      kind: 'process',
      name,
      detail: detail.filter((part) => part !== '').join(' · '),
      score,
      numbers: numbersOf(changes),
      href: key ? processPath(host, key) + encodeHostView(page) : filtered(`${group}:${quoted(name)}`),
    };
  });
  const readings = answer.metrics.map((metric): ChangeRow => {
    const entity = entityName(metric.entity);
    const reading = { table: metric.table, column: metric.column, entity: entity === '' ? null : entity };
    return {
      id: `reading:${metric.table}.${metric.column}:${entity}`,
      kind: 'reading',
      name: readingName(reading),
      detail: '',
      score: metric.score,
      numbers: [{ ...numberOf(metric), label: '' }],
      href: here({ reading }),
    };
  });
  const connections = answer.connections.map((one): ChangeRow => {
    const to = `${one.remote_address}:${String(one.port)}`;
    return {
      id: `connection:${one.name}:${one.protocol}:${to}`,
      kind: 'connection',
      name: one.name === '' ? to : `${one.name} ↔ ${to}`,
      detail: one.protocol,
      score: one.score,
      numbers: numbersOf(one.changes),
      href: filtered(one.name === '' ? '' : `name:${quoted(one.name)}`),
    };
  });
  return [...processes, ...readings, ...connections].sort((left, right) => right.score - left.score);
}

/** Signs that mean something to the filter lose it. */
const quoted = (word: string): string => (/^[\w.:@/-]+$/.test(word) ? word : `"${word}"`);
