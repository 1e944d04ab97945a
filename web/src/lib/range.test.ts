import { describe, expect, it } from 'vitest';

import { PRESETS, formatLength, panBy, parseLength, resolveRange, zoomBy, zoomTo } from './range';

const HOUR = 3_600_000;
const NOW = 1_763_608_325_000;

describe('lengths', () => {
  it.each(PRESETS.map((preset) => preset.ms).concat([90_000, 45_000, 7 * HOUR, 30 * 24 * HOUR]))(
    '%d ms comes back',
    (ms) => expect(parseLength(formatLength(ms))).toBe(ms),
  );
  it.each(['', '5', '5x', '-5m', '0m', '1s', '9999d', '1.5h'])('refuses %j', (text) =>
    expect(parseLength(text)).toBeNull(),
  );
});

describe('resolveRange', () => {
  it('follows now', () => {
    expect(resolveRange({ kind: 'last', ms: HOUR }, NOW)).toEqual({ fromMs: NOW - HOUR, toMs: NOW });
  });
});

describe('zoom and pan', () => {
  const span = { fromMs: NOW - 2 * HOUR, toMs: NOW - HOUR };
  it('keeps the instant under the pointer in its place', () => {
    const around = span.fromMs + HOUR / 4;
    const range = zoomBy(span, 0.5, around, NOW);
    expect(range).toEqual({ kind: 'fixed', fromMs: around - HOUR / 8, toMs: around + (3 * HOUR) / 8 });
  });
  it('never shows the future', () => {
    const range = zoomBy({ fromMs: NOW - HOUR, toMs: NOW }, 2, NOW - HOUR / 2, NOW);
    expect(range).toEqual({ kind: 'fixed', fromMs: NOW - 2 * HOUR, toMs: NOW });
    expect(panBy({ fromMs: NOW - HOUR, toMs: NOW }, 0.5, NOW)).toEqual({
      kind: 'fixed',
      fromMs: NOW - HOUR,
      toMs: NOW,
    });
  });
  it('pans by a part of its length', () => {
    expect(panBy(span, -0.5, NOW)).toEqual({
      kind: 'fixed',
      fromMs: span.fromMs - HOUR / 2,
      toMs: span.toMs - HOUR / 2,
    });
  });
  it('does not zoom in without end', () => {
    const range = zoomTo({ fromMs: NOW - 500, toMs: NOW });
    expect(range.kind === 'fixed' && range.toMs - range.fromMs).toBe(20_000);
  });
});
