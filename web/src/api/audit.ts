import { request } from './client';
import { parseTime } from './wire';

/** A change that somebody made. */
export interface AuditEntry {
  readonly id: string;
  readonly timeMs: number;
  readonly author: string;
  readonly action: string;
  readonly subject: string;
  readonly before: string | null;
  readonly after: string | null;
}

type WireEntry = Omit<AuditEntry, 'timeMs'> & { readonly time: string };

export const auditKey = ['audit'] as const;

/** The newest first. */
export async function fetchAudit(limit: number, signal: AbortSignal): Promise<readonly AuditEntry[]> {
  const { entries } = await request<{ entries: WireEntry[] }>('audit', { query: { limit }, signal });
  return entries.map(({ time, ...rest }) => ({ ...rest, timeMs: parseTime(time) ?? 0 }));
}
