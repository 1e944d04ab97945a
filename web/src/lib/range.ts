/** The range of time that a page shows. */

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Either the newest stretch of time, which follows "now", or one that stands still. */
export type Range = { readonly kind: 'last'; readonly ms: number } | ({ readonly kind: 'fixed' } & Span);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Offered in the range picker, with the name each has in an address. */
export const PRESETS: readonly { readonly name: string; readonly ms: number }[] = [
  { name: '5m', ms: 5 * MINUTE },
  { name: '15m', ms: 15 * MINUTE },
  { name: '30m', ms: 30 * MINUTE },
  { name: '1h', ms: HOUR },
  { name: '3h', ms: 3 * HOUR },
  { name: '6h', ms: 6 * HOUR },
  { name: '12h', ms: 12 * HOUR },
  { name: '24h', ms: DAY },
  { name: '7d', ms: 7 * DAY },
  { name: '14d', ms: 14 * DAY },
];

/** Short enough to show single snapshots, long enough to show what led to now. */
export const DEFAULT_RANGE: Range = { kind: 'last', ms: 30 * MINUTE };

/** Below this a chart would show fewer than a handful of snapshots. */
const SHORTEST_MS = 20_000;
const LONGEST_MS = 400 * DAY;

export function resolveRange(range: Range, nowMs: number): Span {
  return range.kind === 'last'
    ? { fromMs: nowMs - range.ms, toMs: nowMs }
    : { fromMs: range.fromMs, toMs: range.toMs };
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: MINUTE, h: HOUR, d: DAY };

/** `90m` → 5 400 000; null for anything else. */
export function parseLength(text: string): number | null {
  const match = /^(\d{1,4})([smhd])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) return null;
  const ms = Number(match[1]) * unit;
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : null;
}

/** The shortest text that `parseLength` reads back as `ms`. */
export function formatLength(ms: number): string {
  const preset = PRESETS.find((candidate) => candidate.ms === ms);
  if (preset) return preset.name;
  for (const name of ['d', 'h', 'm'] as const) {
    const unit = UNITS[name] ?? 1;
    if (ms % unit === 0 && ms / unit < 10_000) return `${String(ms / unit)}${name}`;
  }
  return `${String(Math.round(ms / 1000))}s`;
}

function bounded(span: Span): Span {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, span.toMs - span.fromMs));
  const centre = (span.fromMs + span.toMs) / 2;
  return { fromMs: Math.round(centre - length / 2), toMs: Math.round(centre + length / 2) };
}

/** A fixed range around `span`, no shorter and no longer than the page can show. */
export function zoomTo(span: Span): Range {
  return { kind: 'fixed', ...bounded(span) };
}

/**
 * `span` stretched by `factor` around `aroundMs`, which keeps its place on the screen. Never reaches past
 * `nowMs`: the future is empty.
 */
export function zoomBy(span: Span, factor: number, aroundMs: number, nowMs: number): Range {
  const stretched = bounded({
    fromMs: aroundMs - (aroundMs - span.fromMs) * factor,
    toMs: aroundMs + (span.toMs - aroundMs) * factor,
  });
  return { kind: 'fixed', ...notAfter(stretched, nowMs) };
}

/** `span` moved by a fraction of its length. */
export function panBy(span: Span, fraction: number, nowMs: number): Range {
  const shift = (span.toMs - span.fromMs) * fraction;
  return { kind: 'fixed', ...notAfter({ fromMs: span.fromMs + shift, toMs: span.toMs + shift }, nowMs) };
}

function notAfter(span: Span, nowMs: number): Span {
  const excess = Math.max(0, span.toMs - nowMs);
  return { fromMs: Math.round(span.fromMs - excess), toMs: Math.round(span.toMs - excess) };
}

export function spanOf(a: number, b: number): Span {
  return { fromMs: Math.min(a, b), toMs: Math.max(a, b) };
}
