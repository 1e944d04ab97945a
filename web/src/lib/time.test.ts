import { describe, expect, it } from 'vitest';

import {
  decodeInstant,
  encodeInstant,
  formatInstant,
  formatRange,
  fromLocalInput,
  timeTicks,
  toLocalInput,
} from './time';

const at = (text: string): number => Date.parse(text);

describe('instants in addresses', () => {
  it.each([0, 1_763_608_325_000, 1_763_608_325_123])('%d comes back', (ms) => {
    expect(decodeInstant(encodeInstant(ms))).toBe(ms);
  });
  it('leaves out zero milliseconds', () => {
    expect(encodeInstant(at('2026-11-20T03:12:05Z'))).toBe('2026-11-20T03:12:05Z');
    expect(encodeInstant(at('2026-11-20T03:12:05.250Z'))).toBe('2026-11-20T03:12:05.250Z');
  });
  it('reads milliseconds since the epoch, and refuses nonsense', () => {
    expect(decodeInstant('1763608325000')).toBe(1_763_608_325_000);
    expect(decodeInstant('yesterday')).toBeNull();
    expect(decodeInstant('')).toBeNull();
    expect(decodeInstant(null)).toBeNull();
  });
});

describe('instants as text', () => {
  const now = at('2026-11-20T12:00:00');
  it('shows the date only on another day', () => {
    expect(formatInstant(at('2026-11-20T03:12:05'), now)).toBe('03:12:05');
    expect(formatInstant(at('2026-11-19T03:12:05'), now)).toBe('2026-11-19 03:12:05');
  });
  it('shows a range with as few dates as possible', () => {
    expect(formatRange(at('2026-11-20T03:00:00'), at('2026-11-20T03:12:05'), now)).toBe(
      '03:00:00 – 03:12:05',
    );
    expect(formatRange(at('2026-11-18T03:00:00'), at('2026-11-18T04:00:00'), now)).toBe(
      '2026-11-18 03:00:00 – 04:00:00',
    );
    expect(formatRange(at('2026-11-18T23:00:00'), at('2026-11-19T01:00:00'), now)).toBe(
      '2026-11-18 23:00:00 – 2026-11-19 01:00:00',
    );
  });
  it('round-trips an input field', () => {
    const ms = at('2026-11-20T03:12:05');
    expect(fromLocalInput(toLocalInput(ms))).toBe(ms);
    expect(fromLocalInput('')).toBeNull();
  });
});

describe('timeTicks', () => {
  it('gives round local times, never more than asked for', () => {
    const ticks = timeTicks(at('2026-11-20T03:02:11'), at('2026-11-20T04:02:11'), 8);
    expect(ticks.map((tick) => tick.label)).toEqual(['03:10', '03:20', '03:30', '03:40', '03:50', '04:00']);
  });
  it('marks midnight with the date', () => {
    const ticks = timeTicks(at('2026-11-19T22:00:00'), at('2026-11-20T02:00:00'), 5);
    expect(ticks.find((tick) => tick.major)?.label).toBe('2026-11-20');
  });
  it('shows seconds when the range is short', () => {
    expect(timeTicks(at('2026-11-20T03:00:01'), at('2026-11-20T03:00:21'), 5)[0]?.label).toBe('03:00:05');
  });
  it.each([5, 10, 20])('stays within %d ticks from a second to two months', (most) => {
    const from = at('2026-10-01T05:07:13');
    for (let span = 1000; span < 60 * 86_400_000; span = Math.ceil(span * 1.7)) {
      const ticks = timeTicks(from, from + span, most);
      expect(ticks.length).toBeLessThanOrEqual(most + 1);
      for (const tick of ticks) {
        expect(tick.ms).toBeGreaterThanOrEqual(from);
        expect(tick.ms).toBeLessThan(from + span);
      }
    }
  });
  it('is empty for an empty range', () => expect(timeTicks(5, 5, 10)).toEqual([]));
});
