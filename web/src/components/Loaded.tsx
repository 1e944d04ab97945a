import type { JSX, ReactNode } from 'react';

import { ErrorNotice, PageLoading } from './Notice';

/** What a part of a page waits for. */
export interface Loading<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}

export interface LoadedProps<T> {
  readonly of: Loading<T>;
  readonly children: (data: T) => ReactNode;
}

/** Its children once there is data; before that, that it comes or why it does not. */
export function Loaded<T>({ of, children }: LoadedProps<T>): JSX.Element {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error) return <ErrorNotice error={of.error} onRetry={() => void of.refetch()} />;
  return <PageLoading />;
}
