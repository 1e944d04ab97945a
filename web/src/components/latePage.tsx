import { type ComponentType, type JSX, Suspense, lazy, useState } from 'react';

import { PageLoading } from './Notice';

/** A page whose code comes when it is wanted. */
export interface LatePage<P extends object> {
  /** Fetches the code ahead. */
  readonly fetch: () => Promise<unknown>;
  readonly Page: ComponentType<P>;
}

/**
 * What is there already is drawn at once: React shows what stands in for a page that it waits for, even for a moment, for
 * three tenths of a second.
 */
export function latePage<P extends object>(load: () => Promise<ComponentType<P>>): LatePage<P> {
  let known: ComponentType<P> | null = null;
  const fetch = async (): Promise<{ default: ComponentType<P> }> => {
    known ??= await load();
    return { default: known };
  };
  const Late = lazy(fetch);
  function Page(props: P): JSX.Element {
    const [Shown] = useState<ComponentType<P>>(() => known ?? Late);
    return (
      <Suspense fallback={<PageLoading />}>
        <Shown {...props} />
      </Suspense>
    );
  }
  return { fetch, Page };
}
