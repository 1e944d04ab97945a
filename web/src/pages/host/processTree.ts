/** Rows of one instant as a tree of who started whom. */
import type { Sort } from '../../state/hostAddress';

import { type ProcessRow, sortRows } from './processRows';

/** Deeper than any real machine; a loop in what the kernel told must not hang the page. */
const DEEPEST = 64;

/**
 * Rows in the order of a tree, each with its depth. Siblings are in the order of `sort`; by a number a branch
 * stands where its largest process would, so that a culprit is not buried under an idle parent. Of rows
 * that do not match, only those above one that does are there.
 */
export function treeRows(
  rows: readonly ProcessRow[],
  sort: Sort,
  matches: (row: ProcessRow) => boolean,
): ProcessRow[] {
  const byPid = new Map<number, ProcessRow>();
  for (const row of rows) if (row.pid !== null) byPid.set(row.pid, row);
  const children = new Map<string, ProcessRow[]>();
  const roots: ProcessRow[] = [];
  for (const row of rows) {
    const parent = row.parentPid === null ? undefined : byPid.get(row.parentPid);
    // A parent started first: a later process only has its number.
    const isParent = parent && parent !== row && (parent.first_seen ?? 0) <= (row.first_seen ?? 0);
    if (!isParent) roots.push(row);
    else children.set(parent.id, [...(children.get(parent.id) ?? []), row]);
  }
  const order = rankOf(rows, children, sort);
  const found: ProcessRow[] = [];
  const visit = (row: ProcessRow, depth: number): boolean => {
    const at = found.length;
    found.push({ ...row, depth });
    let isWanted = matches(row);
    if (depth < DEEPEST) {
      for (const child of order(children.get(row.id) ?? [])) isWanted = visit(child, depth + 1) || isWanted;
    }
    if (!isWanted) found.length = at;
    return isWanted;
  };
  for (const root of order(roots)) visit(root, 0);
  return found;
}

function rankOf(
  rows: readonly ProcessRow[],
  children: ReadonlyMap<string, readonly ProcessRow[]>,
  sort: Sort,
): (siblings: readonly ProcessRow[]) => readonly ProcessRow[] {
  const position = new Map(sortRows(rows, sort).map((row, index) => [row.id, index]));
  const best = new Map<string, number>();
  const bestOf = (row: ProcessRow, depth: number): number => {
    const known = best.get(row.id);
    if (known !== undefined) return known;
    let rank = position.get(row.id) ?? Infinity;
    // Words and smallest-first say nothing about a branch.
    if (sort.descending && depth < DEEPEST) {
      for (const child of children.get(row.id) ?? []) rank = Math.min(rank, bestOf(child, depth + 1));
    }
    best.set(row.id, rank);
    return rank;
  };
  return (siblings) => [...siblings].sort((left, right) => bestOf(left, 0) - bestOf(right, 0));
}
