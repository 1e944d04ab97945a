import { describe, expect, it } from 'vitest';

import { parseFilter } from './filter';

const row = {
  pid: '4711',
  name: 'postgres',
  user: 'postgres',
  unit: null,
  command: 'postgres: shop 10.0.3.12:4100 SELECT',
};
const known = Object.keys(row);

describe('parseFilter', () => {
  it.each([
    ['', true],
    ['   ', true],
    ['POST', true],
    ['nginx', false],
    ['postgres select', true],
    ['postgres nginx', false],
    ['-nginx', true],
    ['-select', false],
    ['user:post', true],
    ['user:root', false],
    ['-user:root', true],
    ['unit:x', false],
    ['pid:4711', true],
    ['471', true],
    ['"shop 10"', true],
    ['"shop  10"', false],
    ['"shop', true],
    ['command:"shop 10"', true],
    ['12:4100', true],
    ['colour:red', false],
    ['-', false],
  ])('%j → %s', (filter, expected) => expect(parseFilter(filter, known)(row)).toBe(expected));
});

describe('and, or, not', () => {
  const rows = [
    { name: 'postgres', user: 'postgres', cpu: 1.5, memory: 3 * 1024 ** 3 },
    { name: 'nginx', user: 'www-data', cpu: 0.2, memory: 1024 ** 2 },
    { name: 'sshd', user: 'root', cpu: null, memory: null },
    { name: 'or', user: 'root', cpu: 0, memory: 10 },
  ];
  const names = (filter: string): string[] =>
    rows.filter(parseFilter(filter, ['name', 'user', 'cpu', 'memory'])).map(({ name }) => name);

  it.each<[string, string[]]>([
    ['nginx or sshd', ['nginx', 'sshd']],
    ['nginx | name:postgres', ['postgres', 'nginx']],
    ['user:root and not name:sshd', ['or']],
    ['-(nginx or postgres) -name:or', ['sshd']],
    ['!user:root', ['postgres', 'nginx']],
    ['not not nginx', ['nginx']],
    ['"or"', ['or']],
    ['user:root sshd or nginx', ['nginx', 'sshd']],
    ['(user:root or user:www-data) nginx', ['nginx']],
    ['cpu>50%', ['postgres']],
    ['cpu<=0.2', ['nginx', 'or']],
    ['memory>=1m', ['postgres', 'nginx']],
    ['memory>1GiB', ['postgres']],
  ])('%s', (filter, expected) => expect(names(filter)).toEqual(expected));

  it.each(['', 'or', 'nginx or', '(', ')', '()', 'not', '-', '((((', 'and and', '!)', '"', 'cpu>'])(
    'what is half typed harms nobody: %j',
    (filter) => expect(() => names(filter)).not.toThrow(),
  );
  it('shows everything while nothing is said yet', () => {
    for (const filter of ['', 'not', '(', 'or', '( or )']) expect(names(filter)).toHaveLength(4);
    expect(names('nginx or')).toEqual(['nginx']);
  });
  it('does not run deep', () => expect(names('('.repeat(10_000) + 'nginx')).toEqual(['nginx']));
});
