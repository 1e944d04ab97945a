import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';

/** A change to one of the lists, which is asked for again afterwards. */
export function useAccessChange<T>(
  key: readonly string[],
  change: (value: T) => Promise<unknown>,
): UseMutationResult<unknown, Error, T> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey: key }),
  });
}
