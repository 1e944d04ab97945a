import { describe, expect, it } from 'vitest';

import { parseFilter } from './filter';

const row = {
  pid: 4711,
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
