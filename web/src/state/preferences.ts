/** What one person likes, as state of a component. */
import { useCallback, useState } from 'react';

import { readPreference, writePreference } from '../lib/preference';

export { isBoolean, isNumber, isStringList } from '../lib/preference';

export function usePreference<T>(
  name: string,
  fallback: T,
  isValid: (value: unknown) => value is T,
): [T, (value: T) => void] {
  const [value, setValue] = useState(() => readPreference(name, fallback, isValid));
  const change = useCallback(
    (next: T) => {
      setValue(next);
      writePreference(name, next);
    },
    [name],
  );
  return [value, change];
}
