/** Matchers as people write them: `host=web-* rule="process hog"`. */
import type { Matcher } from '../../api/receivers';

const WORD = /([^\s=]+)=("[^"]*"|[^\s"]+)|(\S+)/g;

/** What was written, or the first part of it that is none. */
export function parseMatchers(written: string): readonly Matcher[] | string {
  const matchers: Matcher[] = [];
  for (const [whole, label, pattern] of written.matchAll(WORD)) {
    if (label === undefined || pattern === undefined) return whole;
    matchers.push({ label, pattern: pattern.replace(/^"(.*)"$/, '$1') });
  }
  return matchers;
}

export function writeMatchers(matchers: readonly Matcher[]): string {
  return matchers
    .map(({ label, pattern }) => `${label}=${/\s/.test(pattern) ? `"${pattern}"` : pattern}`)
    .join(' ');
}
