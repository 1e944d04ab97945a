import { readPreference, writePreference } from '../lib/preference';
import { ApiError, request } from './client';

export type Role = 'viewer' | 'operator' | 'admin';

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];

export interface Session {
  readonly user: string;
  readonly role: Role;
}

export const sessionKey = ['session'] as const;

const REMEMBERED = 'session';

const isSession = (value: unknown): value is Session | null =>
  value === null ||
  (typeof value === 'object' && 'user' in value && 'role' in value && ROLES.includes(value.role as Role));

/** Who was signed in here last: what to begin with while the server is asked. It decides nothing but what is shown. */
export const rememberedSession = (): Session | null => readPreference(REMEMBERED, null, isSession);

/** Who is signed in; null when nobody is. */
export async function fetchSession(signal?: AbortSignal): Promise<Session | null> {
  try {
    const session = await request<Session | null>('session', signal ? { signal } : {});
    writePreference(REMEMBERED, session);
    return session;
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'unauthorized') throw error;
    // A cookie that is no longer valid.
    writePreference(REMEMBERED, null);
    return null;
  }
}

export function signIn(user: string, password: string): Promise<Session> {
  return request<Session>('session', { method: 'POST', body: { user, password } });
}

export async function signOut(): Promise<void> {
  writePreference(REMEMBERED, null);
  await request<undefined>('session', { method: 'DELETE' });
}

/** Ends the other sessions of whoever is signed in. */
export async function changeOwnPassword(current: string, next: string): Promise<void> {
  await request<undefined>('session/password', { method: 'PUT', body: { current, new: next } });
}
