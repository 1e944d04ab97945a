import { ApiError, request } from './client';

export interface Session {
  readonly user: string;
  readonly role: 'viewer' | 'operator' | 'admin';
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
