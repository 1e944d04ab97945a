/** Ranks names by how well they fit what somebody types. */
import { compareWords } from './words';

/** How well `words` fit `name`: the higher the better, null when they do not. Every word must occur. */
export function fit(name: string, words: string): number | null {
  const text = name.toLowerCase();
  let total = 0;
  for (const word of words.toLowerCase().split(/\s+/)) {
    if (word === '') continue;
    const score = fitWord(text, word);
    if (score === null) return null;
    total += score;
  }
  // Of two that fit alike the shorter says less that was not asked for.
  return total - text.length / 1000;
}

const START = 100;
const WORD_START = 60;
const INSIDE = 30;
const SCATTERED = 5;

function fitWord(text: string, word: string): number | null {
  const index = text.indexOf(word);
  if (index === 0) return START;
  if (index > 0) return /[\s\-_./:]/.test(text[index - 1] ?? '') ? WORD_START : INSIDE;
  // Its letters in order: `w12` finds `web-12`.
  let from = 0;
  for (const letter of word) {
    from = text.indexOf(letter, from) + 1;
    if (from === 0) return null;
  }
  return SCATTERED;
}

/** The `most` best of `items`, the best first; all in their order while nothing is typed. */
export function best<T>(
  items: readonly T[],
  words: string,
  nameOf: (item: T) => string,
  most: number,
): readonly T[] {
  if (words.trim() === '') return items.slice(0, most);
  const found: { readonly item: T; readonly score: number; readonly name: string }[] = [];
  for (const item of items) {
    const name = nameOf(item);
    const score = fit(name, words);
    if (score !== null) found.push({ item, score, name });
  }
  found.sort((left, right) => right.score - left.score || compareWords(left.name, right.name));
  return found.slice(0, most).map(({ item }) => item);
}
