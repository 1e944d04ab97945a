import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { type JSX, Suspense, lazy, useCallback, useEffect, useMemo, useState } from 'react';
import { useQuery, useQueryClient } from '@tanstack/react-query';

import { type Session, fetchSession, sessionKey } from './api/session';
import { ApiError } from './api/client';
import { Header } from './components/Header';
import { HelpDialog } from './components/HelpDialog';
import { Notice, PageLoading } from './components/Notice';
import { LiveProvider } from './state/live';
import { useKeys } from './components/useKeys';
import { FleetPage } from './pages/fleet/FleetPage';
import { SignInPage } from './pages/signin/SignInPage';
import { StoragePage } from './pages/storage/StoragePage';
import type { HostPage as HostPageType } from './pages/host/HostPage';
import { navigate, parseRoute, usePathname } from './state/router';
import { text } from './text';

/** Charts are the larger half of the page's code, and neither sign-in nor fleet needs them. */
const loadHostPage = (): Promise<{ default: typeof HostPageType }> =>
  import('./pages/host/HostPage').then(({ HostPage }) => ({ default: HostPage }));
const HostPage = lazy(loadHostPage);

export function App(): JSX.Element {
  const session = useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => fetchSession(signal),
    staleTime: Infinity,
    retry: (_, error) => error instanceof ApiError && error.kind === 'offline',
    retryDelay: 2000,
  });
  useSignOutOn401();
  if (session.isPending && session.failureCount === 0) return <PageLoading />;
  if (session.data === undefined) return <Notice {...text.errors.offline} busy={session.isFetching} />;
  return session.data ? <SignedIn session={session.data} /> : <SignInPage />;
}

/** A session that ended shows the sign-in page, at the same address, whichever call noticed it. */
function useSignOutOn401(): void {
  const client = useQueryClient();
  useEffect(
    () =>
      client.getQueryCache().subscribe(({ query }) => {
        const { error } = query.state;
        const ended = error instanceof ApiError && error.kind === 'unauthorized';
        if (ended && client.getQueryData(sessionKey)) client.setQueryData(sessionKey, null);
      }),
    [client],
  );
}

function SignedIn({ session }: { readonly session: Session }): JSX.Element {
  const pathname = usePathname();
  const route = useMemo(() => parseRoute(pathname), [pathname]);
  useEffect(() => {
    document.title = route.page === 'host' ? `${route.host} · ${text.product}` : text.product;
  }, [route]);
  const [helpOpen, setHelpOpen] = useState(false);
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('dark');
  const toggleScheme = useCallback(
    () => setColorScheme(scheme === 'dark' ? 'light' : 'dark'),
    [scheme, setColorScheme],
  );
  const openHelp = useCallback(() => setHelpOpen(true), []);
  const closeHelp = useCallback(() => setHelpOpen(false), []);
  useKeys({ '?': openHelp, d: toggleScheme });
  useEffect(() => {
    // Fetched ahead while the fleet is read, so that the first host opens at once.
    void loadHostPage();
  }, []);

  return (
    <LiveProvider host={route.page === 'host' ? route.host : null}>
      <Header session={session} route={route} scheme={scheme} onScheme={toggleScheme} onHelp={openHelp} />
      <main>
        {route.page === 'fleet' && <FleetPage />}
        {route.page === 'storage' && <StoragePage />}
        {route.page === 'host' && (
          <Suspense fallback={<PageLoading />}>
            <HostPage key={route.host} name={route.host} />
          </Suspense>
        )}
        {route.page === 'unknown' && (
          <Notice
            title={text.errors.unknownPage.title}
            action={{ label: text.errors.unknownPage.back, run: () => navigate('/') }}
          />
        )}
      </main>
      <HelpDialog opened={helpOpen} onClose={closeHelp} />
    </LiveProvider>
  );
}
