import { useQuery } from '@tanstack/react-query';

import { fetchSession, sessionKey } from '../api/session';

/** May whoever is signed in change what is watched? */
export function useMayChange(): boolean {
  const session = useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => fetchSession(signal),
    staleTime: Infinity,
  });
  return session.data?.role === 'operator' || session.data?.role === 'admin';
}
