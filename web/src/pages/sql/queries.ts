/** Queries that somebody keeps in this browser: those they saved, and those they ran. */

export interface SavedQuery {
  readonly name: string;
  readonly query: string;
}

/** Beyond these the oldest are forgotten. */
export const MOST_SAVED = 50;
export const MOST_HISTORY = 50;

/** A longer one is not kept: a browser keeps some megabytes for the whole page. */
export const LONGEST_KEPT = 20_000;
const LONGEST_NAME = 80;

/** The newest first, each query once. */
export function addToHistory(history: readonly string[], query: string): readonly string[] {
  const text = query.trim();
  if (text === '' || text.length > LONGEST_KEPT) return history;
  return [text, ...history.filter((one) => one !== text)].slice(0, MOST_HISTORY);
}

/** The newest first; a name that is known gets the new query. */
export function saveQuery(saved: readonly SavedQuery[], name: string, query: string): readonly SavedQuery[] {
  const [called, text] = [name.trim().slice(0, LONGEST_NAME), query.trim()];
  if (called === '' || text === '' || text.length > LONGEST_KEPT) return saved;
  return [{ name: called, query: text }, ...saved.filter((one) => one.name !== called)].slice(0, MOST_SAVED);
}

export const isSavedList = (value: unknown): value is readonly SavedQuery[] =>
  Array.isArray(value) &&
  value.every(
    (one: unknown) =>
      typeof one === 'object' &&
      one !== null &&
      typeof (one as SavedQuery).name === 'string' &&
      typeof (one as SavedQuery).query === 'string',
  );

/** One line of a query, for a list. */
export const briefly = (query: string): string => query.replaceAll(/\s+/g, ' ').trim();
