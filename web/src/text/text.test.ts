import { describe, expect, it } from 'vitest';

import { en } from './en';
import { preferredLanguage } from './index';
import { zh } from './zh';

/** Every key of a text, as `a.b.c`. */
function keysOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, one]) => keysOf(one, path === '' ? key : `${path}.${key}`));
}

function leafOf(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], value);
}

const keys = keysOf(en);

/** Names that are the same in every language. */
const SAME =
  /^(product|settings\.zones\.utc|jump\.hint|.*\.(cpu|pid|token|api|pressureCpu|processReceived|processSent|between|title|cpu_ratio|csv|json|parquet)|.*cpu_used_ratio|receivers\.kinds\.(webhook|slack|telegram|alertmanager))$/;

describe('languages', () => {
  it('Chinese has every key of English, and no other', () => {
    expect(keysOf(zh).toSorted()).toEqual(keys.toSorted());
    expect(keys.length).toBeGreaterThan(300);
  });

  it.each(keys)('%s says something in both', (key) => {
    const [english, chinese] = [leafOf(en, key), leafOf(zh, key)];
    expect(typeof chinese).toBe(typeof english);
    if (typeof english === 'string' && !SAME.test(key)) expect(chinese).not.toBe(english);
    if (Array.isArray(english) && !key.startsWith('units')) expect(chinese).toHaveLength(english.length);
  });

  it('a text with a part in it keeps that part', () => {
    for (const key of keys) {
      const make = leafOf(zh, key);
      if (typeof make !== 'function') continue;
      const made = (make as (...parts: string[]) => unknown)('7m', '8h', '9');
      expect(JSON.stringify(made), key).toMatch(/7/);
    }
  });

  it.each([
    [['zh-CN', 'en'], 'zh'],
    [['zh-Hant-TW'], 'zh'],
    [['de-DE', 'en-US', 'zh'], 'en'],
    [['de'], 'en'],
    [[], 'en'],
  ] as const)('%j speaks %s', (wanted, expected) => expect(preferredLanguage(wanted)).toBe(expected));
});
