import { useQuery } from '@tanstack/react-query';

import { DEFAULT_INTERVAL_MS, fetchInterval, intervalKey } from '../../api/interval';

/** How far apart the snapshots of a host usually are around `atMs`. Null until it is known. */
export function useInterval(host: string, atMs: number): number | null {
  const interval = useQuery({
    queryKey: intervalKey(host, atMs),
    queryFn: ({ signal }) => fetchInterval(host, atMs, signal),
    staleTime: Infinity,
  });
  return interval.data ?? (interval.isError ? DEFAULT_INTERVAL_MS : null);
}
