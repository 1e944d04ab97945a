/**
 * The filter of a table: words that must all occur, `-word` that must not, `field:word` for one field only,
 * and "quotes" around blanks. Case does not matter.
 */

interface Term {
  readonly field: string | null;
  readonly text: string;
  readonly negated: boolean;
}

export type Fields = Readonly<Record<string, string | number | null | undefined>>;

const TERM = /(-)?(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;

/** A test for rows. `known` are the fields that may be named; `10:30` is not a field. */
export function parseFilter(filter: string, known: readonly string[]): (fields: Fields) => boolean {
  const terms: Term[] = [];
  for (const match of filter.matchAll(TERM)) {
    const field = match[2]?.toLowerCase();
    const word = match[3] ?? match[4] ?? '';
    const isField = field !== undefined && known.includes(field);
    const text = (isField || field === undefined ? word : `${match[2] ?? ''}:${word}`).toLowerCase();
    if (text !== '') terms.push({ field: isField ? field : null, text, negated: match[1] === '-' });
  }
  return (fields) => terms.every((term) => matches(term, fields) !== term.negated);
}

function matches(term: Term, fields: Fields): boolean {
  if (term.field !== null) return contains(fields[term.field], term.text);
  return Object.values(fields).some((value) => contains(value, term.text));
}

function contains(value: string | number | null | undefined, text: string): boolean {
  return value != null && String(value).toLowerCase().includes(text);
}
