/** Cards in lines, as many beside each other as there is room for. */
import type { FleetItem, GroupRow } from './fleetGroups';

export type HostItem = Extract<FleetItem, { readonly kind: 'host' }>;

export type GridLine =
  | { readonly kind: 'group'; readonly group: GroupRow }
  /** `place` is that of the first card among all of the list. */
  | { readonly kind: 'cards'; readonly cards: readonly HostItem[]; readonly place: number };

export const CARD_GAP = 12;
const LEAST_WIDTH = 252;

export function cardsBeside(width: number): number {
  return Math.max(1, Math.floor((width + CARD_GAP) / (LEAST_WIDTH + CARD_GAP)));
}

/** Groups begin a line. */
export function gridLines(items: readonly FleetItem[], beside: number): readonly GridLine[] {
  const lines: GridLine[] = [];
  let cards: HostItem[] = [];
  const flush = (end: number): void => {
    if (cards.length > 0) lines.push({ kind: 'cards', cards, place: end - cards.length });
    cards = [];
  };
  items.forEach((item, index) => {
    if (item.kind === 'group') {
      flush(index);
      lines.push({ kind: 'group', group: item });
      return;
    }
    cards.push(item);
    if (cards.length === beside) flush(index + 1);
  });
  flush(items.length);
  return lines;
}
