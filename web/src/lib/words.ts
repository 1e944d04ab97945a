/** One for all: making a collator costs more than thousands of comparisons, and most pages compare nothing at first. */
let collator: Intl.Collator | null = null;

/** Order of words as people expect it: `web-9` before `web-10`. */
export function compareWords(left: string, right: string): number {
  collator ??= new Intl.Collator(undefined, { numeric: true });
  return collator.compare(left, right);
}
