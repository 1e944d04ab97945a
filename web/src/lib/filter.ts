/**
 * The filter of a table. Words that stand side by side must all occur; `or` between them allows either,
 * `not`, `-` or `!` before one forbids it, parentheses group. `field:word` looks into one field only,
 * `field>1.5g` compares a number, and "quotes" make one word of several, or of `or`. Case does not matter, and
 * a word without a field is looked for in texts, not in numbers.
 * Whatever cannot be read as any of this is a word to look for: somebody is still typing.
 */

export type Fields = Readonly<Record<string, string | number | null | undefined>>;
export type Test = (fields: Fields) => boolean;

type Token =
  { readonly kind: 'open' | 'close' | 'or' | 'and' | 'not' } | { readonly kind: 'test'; readonly test: Test };

const TOKEN = /([()|&!]|-(?=[^\s]))|(?:([a-z_]+)(:|>=|<=|>|<|=))?(?:"([^"]*)"?|([^\s()|&]+))/gi;
const WORDS: Readonly<Record<string, 'or' | 'and' | 'not'>> = { or: 'or', and: 'and', not: 'not' };
const SIGNS: Readonly<Record<string, Token['kind']>> = {
  '(': 'open',
  ')': 'close',
  '|': 'or',
  '&': 'and',
  '!': 'not',
  '-': 'not',
};

/** A test for rows. `known` are the fields that may be named; `10:30` is not a field. */
export function parseFilter(filter: string, known: readonly string[]): Test {
  const parser = new Parser(tokens(filter, known));
  return parser.all();
}

function tokens(filter: string, known: readonly string[]): Token[] {
  const found: Token[] = [];
  for (const match of filter.matchAll(TOKEN)) {
    const [whole, sign, field, relation, quoted, bare] = match;
    if (sign !== undefined) {
      const kind = SIGNS[sign];
      if (kind !== undefined && kind !== 'test') found.push({ kind });
      continue;
    }
    const word = field === undefined ? WORDS[bare?.toLowerCase() ?? ''] : undefined;
    if (word !== undefined) {
      found.push({ kind: word });
      continue;
    }
    const test = testOf(whole, field?.toLowerCase(), relation, quoted ?? bare ?? '', known);
    if (test) found.push({ kind: 'test', test });
  }
  return found;
}

function testOf(
  whole: string,
  field: string | undefined,
  relation: string | undefined,
  word: string,
  known: readonly string[],
): Test | null {
  if (field !== undefined && known.includes(field)) {
    if (relation === ':') return word === '' ? null : (fields) => contains(fields[field], word.toLowerCase());
    const limit = parseAmount(word);
    if (limit !== null) return (fields) => compares(fields[field], relation ?? '=', limit);
  }
  const text = (field === undefined ? word : whole.replaceAll('"', '')).toLowerCase();
  return text === ''
    ? null
    : (fields) => Object.values(fields).some((value) => typeof value === 'string' && contains(value, text));
}

function contains(value: string | number | null | undefined, text: string): boolean {
  return value != null && String(value).toLowerCase().includes(text);
}

/** What is absent is neither more nor less than anything. */
function compares(value: string | number | null | undefined, relation: string, limit: number): boolean {
  if (typeof value !== 'number') return false;
  if (relation === '>') return value > limit;
  if (relation === '<') return value < limit;
  if (relation === '>=') return value >= limit;
  if (relation === '<=') return value <= limit;
  return value === limit;
}

const SCALES: Readonly<Record<string, number>> = {
  '': 1,
  '%': 0.01,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** `50%` → 0.5, `1.5g` and `1.5GiB` → 1.5 · 2³⁰; null for anything else. */
export function parseAmount(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(%|[kmgt]?)(?:i?b)?(?:\/s)?$/i.exec(text);
  const scale = SCALES[match?.[2]?.toLowerCase() ?? ''];
  return match === null || scale === undefined ? null : Number(match[1]) * scale;
}

/** Deeper parentheses than these are ignored. */
const DEEPEST = 50;

class Parser {
  private at = 0;
  private depth = 0;
  private readonly list: readonly Token[];

  constructor(list: readonly Token[]) {
    this.list = list;
  }

  all(): Test {
    const parts: Test[] = [];
    while (this.at < this.list.length) {
      parts.push(this.either());
      // A parenthesis that closes nothing.
      if (this.list[this.at]?.kind === 'close') this.at += 1;
    }
    return (fields) => parts.every((part) => part(fields));
  }

  private either(): Test {
    const parts = [this.each()];
    while (this.list[this.at]?.kind === 'or') {
      this.at += 1;
      const next = this.list[this.at]?.kind;
      // `a or` is still being typed.
      if (next !== undefined && next !== 'close') parts.push(this.each());
    }
    const given = parts.filter((part) => part !== ANYTHING);
    return given.length === 0 ? ANYTHING : (fields) => given.some((part) => part(fields));
  }

  private each(): Test {
    const parts: Test[] = [];
    for (;;) {
      const kind = this.list[this.at]?.kind;
      if (kind === undefined || kind === 'or' || kind === 'close') break;
      if (kind === 'and') this.at += 1;
      else parts.push(this.one());
    }
    return parts.length === 0 ? ANYTHING : (fields) => parts.every((part) => part(fields));
  }

  private one(): Test {
    const token = this.list[this.at];
    this.at += 1;
    if (token?.kind === 'test') return token.test;
    if (token?.kind === 'not') return this.negated();
    if (token?.kind !== 'open' || this.depth >= DEEPEST) return ANYTHING;
    this.depth += 1;
    const inner = this.either();
    this.depth -= 1;
    if (this.list[this.at]?.kind === 'close') this.at += 1;
    return inner;
  }

  private negated(): Test {
    let isNegated = true;
    while (this.list[this.at]?.kind === 'not') {
      this.at += 1;
      isNegated = !isNegated;
    }
    const kind = this.list[this.at]?.kind;
    if (kind !== 'test' && kind !== 'open') return ANYTHING;
    const inner = this.one();
    if (inner === ANYTHING || !isNegated) return inner;
    return (fields) => !inner(fields);
  }
}

/** Of a part with nothing in it. */
const ANYTHING: Test = () => true;
