import { request } from './client';
import type { Matcher } from './receivers';
import { parseTime, writeTime } from './wire';

/** Keeps alerts that match quiet for a time. */
export interface Silence {
  readonly id: string;
  /** All have to match. */
  readonly matchers: readonly Matcher[];
  readonly startsMs: number;
  readonly endsMs: number;
  readonly author: string;
  readonly comment: string;
}

export type NewSilence = Pick<Silence, 'matchers' | 'endsMs' | 'comment'>;

type WireSilence = Omit<Silence, 'startsMs' | 'endsMs'> & { readonly starts: string; readonly ends: string };

export const silencesKey = ['silences'] as const;

/** Those that are not over. */
export async function fetchSilences(signal: AbortSignal): Promise<readonly Silence[]> {
  const { silences } = await request<{ silences: WireSilence[] }>('silences', { signal });
  return silences.map(({ starts, ends, ...rest }) => ({
    ...rest,
    startsMs: parseTime(starts) ?? 0,
    endsMs: parseTime(ends) ?? 0,
  }));
}

export async function createSilence({ matchers, endsMs, comment }: NewSilence): Promise<void> {
  await request('silences', { method: 'POST', body: { matchers, ends: writeTime(endsMs), comment } });
}

/** What it kept quiet and still fires is told. */
export async function endSilence(id: string): Promise<void> {
  await request(`silences/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
