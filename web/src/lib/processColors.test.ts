import { describe, expect, it } from 'vitest';

import { SLOTS, assignColors, colorOfName } from './processColors';

const process = (name: string, pid = 1): { id: string; name: string } => ({
  id: `${name}-${String(pid)}`,
  name,
});

describe('colours of processes', () => {
  it('a name has the same colour everywhere', () => {
    expect(colorOfName('nginx')).toBe(colorOfName('nginx'));
    expect(assignColors(new Map(), [process('nginx')]).get('nginx-1')).toBe(colorOfName('nginx'));
    expect(
      new Set(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'].map(colorOfName)).size,
    ).toBeGreaterThan(3);
  });

  it('no colour is there twice while there are enough', () => {
    const many = Array.from({ length: SLOTS.length }, (_, index) => process('cc1', index));
    expect(new Set(assignColors(new Map(), many).values()).size).toBe(SLOTS.length);
  });

  it('who has a colour keeps it, whoever comes', () => {
    const [first, second] = [process('cc1', 1), process('cc1', 2)];
    const book = assignColors(new Map(), [first]);
    const more = assignColors(book, [second, first]);
    expect(more.get(first.id)).toBe(book.get(first.id));
    expect(more.get(second.id)).not.toBe(more.get(first.id));
    expect(assignColors(more, [first, second])).toBe(more);
  });

  it('forgets the oldest', () => {
    let book = assignColors(new Map(), [process('first')]);
    for (let pid = 0; pid < 600; pid += 1) book = assignColors(book, [process('cc1', pid)]);
    expect(book.size).toBe(500);
    expect(book.has('first-1')).toBe(false);
  });

  it('more processes than colours still all have one', () => {
    const many = Array.from({ length: 12 }, (_, index) => process('cc1', index));
    expect(assignColors(new Map(), many).size).toBe(12);
  });
});
