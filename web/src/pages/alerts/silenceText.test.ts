import { describe, expect, it } from 'vitest';

import { parseMatchers, writeMatchers } from './silenceText';

describe('matchers', () => {
  it.each([
    ['', []],
    ['host=web-*', [{ label: 'host', pattern: 'web-*' }]],
    [
      'rule=disk-full  host=!db-? tag.dc=eu',
      [
        { label: 'rule', pattern: 'disk-full' },
        { label: 'host', pattern: '!db-?' },
        { label: 'tag.dc', pattern: 'eu' },
      ],
    ],
    ['entity="/mnt/my disk"', [{ label: 'entity', pattern: '/mnt/my disk' }]],
    ['entity=a=b', [{ label: 'entity', pattern: 'a=b' }]],
  ])('%j', (written, expected) => {
    const matchers = parseMatchers(written);
    expect(matchers).toEqual(expected);
    expect(typeof matchers === 'string' ? matchers : parseMatchers(writeMatchers(matchers))).toEqual(
      expected,
    );
  });

  it.each(['web', 'host= ', 'host=web db'])('%j is none', (written) =>
    expect(typeof parseMatchers(written)).toBe('string'),
  );
});
