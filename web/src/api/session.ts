import { SIGNED_IN, writePreference } from '../lib/preference';
import { ApiError, request } from './client';

export type Role = 'viewer' | 'operator' | 'admin';

export interface Session {
  readonly user: string;
  readonly role: Role;
}

export const sessionKey = ['session'] as const;

/** Who is signed in; null when nobody is. */
export async function fetchSession(signal?: AbortSignal): Promise<Session | null> {
  try {
    const session = await request<Session | null>('session', signal ? { signal } : {});
    writePreference(SIGNED_IN, session !== null);
    return session;
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'unauthorized') throw error;
    // A cookie that is no longer valid.
    writePreference(SIGNED_IN, false);
    return null;
  }
}

export function signIn(user: string, password: string): Promise<Session> {
  return request<Session>('session', { method: 'POST', body: { user, password } });
}

export async function signOut(): Promise<void> {
  writePreference(SIGNED_IN, false);
  await request<undefined>('session', { method: 'DELETE' });
}

/** Ends the other sessions of whoever is signed in. */
export async function changeOwnPassword(current: string, next: string): Promise<void> {
  await request<undefined>('session/password', { method: 'PUT', body: { current, new: next } });
}
