import { describe, expect, it } from 'vitest';

import { placeHint } from './hints';

const ROOM = { width: 1000, height: 600 };
const BOX = { width: 100, height: 30 };

describe('a hint', () => {
  it.each([
    ['below', { left: 400, top: 100, bottom: 130, width: 40 }, { left: 370, top: 136 }],
    [
      'above where there is no room',
      { left: 400, top: 560, bottom: 590, width: 40 },
      { left: 370, top: 524 },
    ],
    ['not over the left edge', { left: 0, top: 10, bottom: 20, width: 20 }, { left: 4, top: 26 }],
    ['not over the right edge', { left: 990, top: 10, bottom: 20, width: 10 }, { left: 896, top: 26 }],
  ])('is %s', (_, target, expected) => expect(placeHint(target, BOX, ROOM)).toEqual(expected));

  it('of a window that is too small begins within it', () => {
    expect(placeHint({ left: 10, top: 5, bottom: 15, width: 10 }, BOX, { width: 50, height: 20 })).toEqual({
      left: 4,
      top: 4,
    });
  });
});
