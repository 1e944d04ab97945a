import { useMantineColorScheme } from '@mantine/core';
import { type JSX, Suspense, lazy, useCallback, useEffect, useMemo, useState } from 'react';
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';

import { takeAnswers } from './ahead';
import { type Session, fetchSession, rememberedSession, sessionKey } from './api/session';
import { ApiError } from './api/client';
import { Header } from './components/Header';
import { useAppCommands } from './components/useAppCommands';
import { usePaletteKey } from './components/usePaletteKey';
import { Notice, PageLoading } from './components/Notice';
import { LiveProvider } from './state/live';
import { useKeys } from './components/useKeys';
import { FleetPage } from './pages/fleet/FleetPage';
import * as pages from './pages';
import type { HelpDialog as HelpDialogType } from './components/HelpDialog';
import type { Palette as PaletteType } from './components/Palette';
import { whenIdle } from './lib/idle';
import { type Route, navigate, parseRoute, processPath, usePathname } from './state/router';
import { useContrast, useLightness, useZone } from './state/settings';
import { text } from './text';

const Palette = lazy((): Promise<{ default: typeof PaletteType }> =>
  import('./components/Palette').then((module) => ({ default: module.Palette })),
);
const HelpDialog = lazy((): Promise<{ default: typeof HelpDialogType }> =>
  import('./components/HelpDialog').then((module) => ({ default: module.HelpDialog })),
);

const sessionQuery = {
  queryKey: sessionKey,
  queryFn: ({ signal }: { readonly signal: AbortSignal }) => fetchSession(signal),
  staleTime: Infinity,
  retry: (_: number, error: Error) => error instanceof ApiError && error.kind === 'offline',
  retryDelay: 2000,
};

/** Answers that take longer are drawn when they come. */
const ANSWERS_MS = 250;

/**
 * Who is signed in, the code of the first page, and what it asked the server: with all there, the first thing that is drawn is
 * the whole page. Who was signed in last is shown until the server has said who is.
 */
export async function prepare(client: QueryClient): Promise<void> {
  const { page } = parseRoute(window.location.pathname);
  const known = rememberedSession();
  if (known) client.setQueryData(sessionKey, known);
  const session = client.prefetchQuery({ ...sessionQuery, staleTime: 0, retry: false });
  await Promise.allSettled([known ? known : session, pages.fetchPage(page), takeAnswers(client, ANSWERS_MS)]);
}

export function App(): JSX.Element {
  const session = useQuery(sessionQuery);
  useSignOutOn401();
  if (session.isPending && session.failureCount === 0) return <PageLoading />;
  if (session.data === undefined) return <Notice {...text.errors.offline} busy={session.isFetching} />;
  return session.data ? <SignedIn session={session.data} /> : <pages.signIn.Page />;
}

/**
 * A session that ended shows the sign-in page, at the same address, whichever call noticed it. A refusal may be of a session before
 * this one, so the server is asked.
 */
function useSignOutOn401(): void {
  const client = useQueryClient();
  useEffect(
    () =>
      client.getQueryCache().subscribe((event) => {
        // What was refused once keeps its error until it is answered: only new ones count.
        if (event.type !== 'updated' || event.action.type !== 'error') return;
        const { error } = event.action;
        const refused = error instanceof ApiError && error.kind === 'unauthorized';
        if (refused && client.getQueryData(sessionKey)) {
          void client.refetchQueries({ queryKey: sessionKey }, { cancelRefetch: false });
        }
      }),
    [client],
  );
}

function SignedIn({ session }: { readonly session: Session }): JSX.Element {
  const pathname = usePathname();
  const route = useMemo(() => parseRoute(pathname), [pathname]);
  useEffect(() => {
    document.title = titleOf(route);
  }, [route]);
  const [helpOpen, setHelpOpen] = useState(false);
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useLightness();
  const toggleScheme = useCallback(
    () => setColorScheme(scheme === 'dark' ? 'light' : 'dark'),
    [scheme, setColorScheme],
  );
  const openHelp = useCallback(() => setHelpOpen(true), []);
  const closeHelp = useCallback(() => setHelpOpen(false), []);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const openPalette = useCallback(() => setPaletteOpen(true), []);
  const closePalette = useCallback(() => setPaletteOpen(false), []);
  usePaletteKey(openPalette);
  const zone = useZone();
  const contrast = useContrast();
  useAppCommands({ session, contrast, toggleScheme, openHelp });
  useKeys({ '?': openHelp, d: toggleScheme });
  useEffect(() => {
    // Fetched ahead while the fleet is read, so that the first host opens at once.
    whenIdle(() => {
      // Who wants it then is told why it can not be had.
      Promise.all([pages.host.fetch(), import('./components/Palette')]).catch(() => undefined);
    });
  }, []);

  return (
    <LiveProvider host={route.page === 'host' || route.page === 'process' ? route.host : null}>
      <Header
        {...{ session, route, scheme }}
        onScheme={toggleScheme}
        onHelp={openHelp}
        onPalette={openPalette}
      />
      {/* Another zone writes every instant anew. */}
      <main key={zone}>
        {route.page === 'fleet' && <FleetPage />}
        {route.page === 'host' && <pages.host.Page key={route.host} name={route.host} />}
        {route.page === 'process' && (
          <pages.process.Page
            key={processPath(route.host, route.process)}
            host={route.host}
            process={route.process}
          />
        )}
        {route.page === 'alerts' && <pages.alerts.Page />}
        {route.page === 'receivers' && <pages.receivers.Page />}
        {route.page === 'events' && <pages.events.Page />}
        {route.page === 'storage' && <pages.storage.Page />}
        {route.page === 'sql' && <pages.sql.Page />}
        {route.page === 'access' && <pages.access.Page session={session} />}
        {route.page === 'about' && <pages.about.Page />}
        {route.page === 'unknown' && (
          <Notice
            title={text.errors.unknownPage.title}
            action={{ label: text.errors.unknownPage.back, run: () => navigate('/') }}
          />
        )}
      </main>
      {helpOpen && (
        <Suspense>
          <HelpDialog opened onClose={closeHelp} />
        </Suspense>
      )}
      {paletteOpen && (
        <Suspense>
          <Palette opened onClose={closePalette} />
        </Suspense>
      )}
    </LiveProvider>
  );
}

function titleOf(route: Route): string {
  const parts: Readonly<Record<Route['page'], string>> = {
    fleet: '',
    host: 'host' in route ? route.host : '',
    process: route.page === 'process' ? `${String(route.process.pid)} · ${route.host}` : '',
    alerts: text.alerts.title,
    receivers: text.receivers.title,
    events: text.events.title,
    storage: text.storage.title,
    sql: text.sql.title,
    access: text.access.title,
    about: text.about.title,
    unknown: '',
  };
  const part = parts[route.page];
  return part === '' ? text.product : `${part} · ${text.product}`;
}
