/** One for all: making a collator costs more than thousands of comparisons. */
const collator = new Intl.Collator(undefined, { numeric: true });

/** Order of words as people expect it: `web-9` before `web-10`. */
export function compareWords(left: string, right: string): number {
  return collator.compare(left, right);
}
