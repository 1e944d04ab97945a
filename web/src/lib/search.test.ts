import { describe, expect, it } from 'vitest';

import { best, fit } from './search';

const find = (words: string, names: readonly string[]): readonly string[] =>
  best(names, words, (name) => name, 10);

describe('search by what is typed', () => {
  const hosts = ['web-1', 'web-12', 'web-2', 'db-web', 'cobweb', 'storage'];
  it('puts beginnings first, then beginnings of words, then the inside', () => {
    expect(find('web', hosts)).toEqual(['web-1', 'web-2', 'web-12', 'db-web', 'cobweb']);
  });
  it('finds letters in order, and all words', () => {
    expect(find('w12', hosts)).toEqual(['web-12']);
    expect(find('web db', hosts)).toEqual(['db-web']);
    expect(find('zzz', hosts)).toEqual([]);
  });
  it('leaves everything in order while nothing is typed', () => {
    expect(find('  ', hosts)).toEqual(hosts);
    expect(best(hosts, '', (name) => name, 2)).toEqual(['web-1', 'web-12']);
  });
  it('does not mind case', () => expect(fit('主机 Web', 'WEB')).not.toBeNull());
});
