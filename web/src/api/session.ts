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
    return await request<Session | null>('session', signal ? { signal } : {});
  } catch (error) {
    // A cookie that is no longer valid.
    if (error instanceof ApiError && error.kind === 'unauthorized') return null;
    throw error;
  }
}

export function signIn(user: string, password: string): Promise<Session> {
  return request<Session>('session', { method: 'POST', body: { user, password } });
}

export async function signOut(): Promise<void> {
  await request<undefined>('session', { method: 'DELETE' });
}

/** Ends the other sessions of whoever is signed in. */
export async function changeOwnPassword(current: string, next: string): Promise<void> {
  await request<undefined>('session/password', { method: 'PUT', body: { current, new: next } });
}
