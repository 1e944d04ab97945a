/**
 * Which of a few colours a process has: the same one in every chart, table and page. It follows from its name, so
 * that a program looks alike on every host, unless another one beside it in the same chart has that colour.
 */

export type Slot = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export type SlotName = `p${Slot}`;

export const SLOTS: readonly SlotName[] = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8'];

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** By process, in the order they came. */
export type ColorBook = ReadonlyMap<string, SlotName>;

/** Processes remembered; the oldest are forgotten. */
const MOST = 500;

/** The colour of a name, were it alone. */
export function colorOfName(name: string): SlotName {
  let hash = 2_166_136_261;
  for (const sign of name) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 16_777_619);
  return SLOTS[(hash >>> 0) % SLOTS.length] ?? 'p1';
}

/**
 * Colours for processes that are shown together, none of them twice as long as there are enough. Who has a colour
 * keeps it; of two with the same one the first keeps it. The same book when nothing is new.
 */
export function assignColors(book: ColorBook, processes: readonly Named[]): ColorBook {
  const taken = new Set<SlotName>();
  const given = new Map<string, SlotName>();
  const give = ({ id }: Named, color: SlotName): void => {
    taken.add(color);
    given.set(id, color);
  };
  for (const one of processes) {
    const known = book.get(one.id);
    if (known !== undefined && !taken.has(known)) give(one, known);
  }
  for (const one of processes) {
    if (given.has(one.id)) continue;
    const wanted = SLOTS.indexOf(colorOfName(one.name));
    const turned = [...SLOTS.slice(wanted), ...SLOTS.slice(0, wanted)];
    give(one, turned.find((color) => !taken.has(color)) ?? colorOfName(one.name));
  }
  if ([...given].every(([id, color]) => book.get(id) === color)) return book;
  const next = new Map(book);
  for (const [id, color] of given) {
    next.delete(id);
    next.set(id, color);
  }
  for (const id of [...next.keys()].slice(0, Math.max(0, next.size - MOST))) next.delete(id);
  return next;
}
