import { request } from './client';
import type { Matcher } from './receivers';
import { parseTime } from './wire';

/** A day of the week on which a window begins. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** A time that comes again, at which alerts that match are not told. */
export interface MaintenanceWindow {
  /** Null of one in a file. */
  readonly id: string | null;
  readonly name: string;
  /** All have to match; none: every alert. */
  readonly matchers: readonly Matcher[];
  /** None: every day. */
  readonly days: readonly Day[];
  /** Times of the day, such as `02:30`. */
  readonly from: string;
  readonly to: string;
  /** The place whose clock counts. */
  readonly zone: string;
  readonly comment: string;
  /** A file, or `api`. */
  readonly origin: string;
  readonly line: number | null;
  readonly open: boolean;
  /** Null while it is open, and where it never opens. */
  readonly opensMs: number | null;
  /** Now or next time; null where it never closes. */
  readonly closesMs: number | null;
  /** Hosts that it is about. */
  readonly hosts: number;
  readonly author: string | null;
  /** Another one after each change; null of one in a file. */
  readonly revision: string | null;
}

export type NewWindow = Pick<
  MaintenanceWindow,
  'name' | 'matchers' | 'days' | 'from' | 'to' | 'zone' | 'comment'
>;

type WireWindow = Omit<MaintenanceWindow, 'zone' | 'opensMs' | 'closesMs'> & {
  readonly time_zone: string;
  readonly opens: string | null;
  readonly closes: string | null;
};

export const maintenanceKey = ['maintenance'] as const;

/** Those that are open first, then those that open next. */
export async function fetchWindows(signal: AbortSignal): Promise<readonly MaintenanceWindow[]> {
  const { windows } = await request<{ windows: WireWindow[] }>('maintenance', { signal });
  return windows.map(({ time_zone, opens, closes, ...rest }) => ({
    ...rest,
    zone: time_zone,
    opensMs: parseTime(opens),
    closesMs: parseTime(closes),
  }));
}

/** A window that is stored, as somebody saw it. */
export interface SeenWindow {
  readonly id: string;
  readonly revision: string | null;
}

/** Makes a window, or changes the one that was seen: a conflict where somebody else was quicker. */
export async function saveWindow({ zone, ...rest }: NewWindow, seen: SeenWindow | null): Promise<void> {
  const body = { ...rest, time_zone: zone };
  if (seen === null) await request('maintenance', { method: 'POST', body });
  else await request(path(seen.id), { method: 'PUT', body: { ...body, revision: seen.revision } });
}

/** What it kept quiet and still fires is told. A conflict where somebody changed it meanwhile. */
export async function endWindow({ id, revision }: SeenWindow): Promise<void> {
  await request(path(id), { method: 'DELETE', query: { revision } });
}

const path = (id: string): string => `maintenance/${encodeURIComponent(id)}`;
