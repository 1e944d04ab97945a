import type { Role } from './session';

import { request } from './client';
import { parseTime } from './wire';

export type TokenState = 'valid' | 'expired' | 'revoked' | 'used_up';

export interface Token {
  readonly id: string;
  readonly kind: 'join' | 'api';
  /** Of an API token. */
  readonly role: Role | null;
  readonly note: string;
  readonly state: TokenState;
  readonly createdMs: number | null;
  /** Null: never. */
  readonly expiresMs: number | null;
  /** Of a join token; null: any number. */
  readonly usesLeft: number | null;
}

export interface User {
  readonly name: string;
  readonly role: Role;
  readonly createdMs: number | null;
}

/** What joined for a host, once. */
export interface Agent {
  readonly id: string;
  readonly host: string;
  readonly state: 'valid' | 'expired' | 'revoked';
  readonly createdMs: number | null;
  /** When its newest certificate ends. */
  readonly expiresMs: number | null;
}

interface Wire {
  readonly created: string;
  readonly expires?: string | null;
}

const times = ({ created, expires }: Wire): { createdMs: number | null; expiresMs: number | null } => ({
  createdMs: parseTime(created),
  expiresMs: parseTime(expires),
});

export const tokensKey = ['tokens'] as const;
export const usersKey = ['users'] as const;
export const agentsKey = ['agents'] as const;

type WireToken = Wire &
  Omit<Token, 'createdMs' | 'expiresMs' | 'usesLeft'> & { readonly uses_left: number | null };

export async function fetchTokens(signal: AbortSignal): Promise<Token[]> {
  const { tokens } = await request<{ tokens: WireToken[] }>('tokens', { signal });
  return tokens.map(({ id, kind, role, note, state, uses_left, ...wire }) => ({
    id,
    kind,
    role,
    note,
    state,
    ...times(wire),
    usesLeft: uses_left,
  }));
}

export interface NewToken {
  readonly kind: 'join' | 'api';
  readonly role?: Role;
  readonly note: string;
  readonly expires_in_seconds?: number;
  readonly uses?: number;
}

/** The text of a new token, which the server tells this once. */
export async function createToken(wanted: NewToken): Promise<string> {
  const { token } = await request<{ token: string }>('tokens', { method: 'POST', body: wanted });
  return token;
}

export async function revokeToken(id: string): Promise<void> {
  await request<undefined>(`tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export async function fetchUsers(signal: AbortSignal): Promise<User[]> {
  const { users } = await request<{ users: (Wire & Pick<User, 'name' | 'role'>)[] }>('users', { signal });
  return users.map(({ name, role, created }) => ({ name, role, createdMs: parseTime(created) }));
}

export async function createUser(user: {
  readonly name: string;
  readonly role: Role;
  readonly password: string;
}): Promise<void> {
  await request<unknown>('users', { method: 'POST', body: user });
}

export async function changeUser(
  name: string,
  change: { readonly role?: Role; readonly password?: string },
): Promise<void> {
  await request<unknown>(`users/${encodeURIComponent(name)}`, { method: 'PATCH', body: change });
}

export async function removeUser(name: string): Promise<void> {
  await request<undefined>(`users/${encodeURIComponent(name)}`, { method: 'DELETE' });
}

export async function fetchAgents(signal: AbortSignal): Promise<Agent[]> {
  const { agents } = await request<{ agents: (Wire & Pick<Agent, 'id' | 'host' | 'state'>)[] }>('agents', {
    signal,
  });
  return agents.map(({ id, host, state, ...wire }) => ({ id, host, state, ...times(wire) }));
}

export async function revokeAgent(id: string): Promise<void> {
  await request<undefined>(`agents/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
