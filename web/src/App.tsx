import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { type JSX, Suspense, lazy, useCallback, useEffect, useMemo, useState } from 'react';
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';

import { type Session, fetchSession, sessionKey } from './api/session';
import { ApiError } from './api/client';
import { Header } from './components/Header';
import { useAppCommands } from './components/useAppCommands';
import { usePaletteKey } from './components/usePaletteKey';
import { Notice, PageLoading } from './components/Notice';
import { LiveProvider } from './state/live';
import { useKeys } from './components/useKeys';
import type { AboutPage as AboutPageType } from './pages/about/AboutPage';
import type { AccessPage as AccessPageType } from './pages/access/AccessPage';
import type { AlertsPage as AlertsPageType } from './pages/alerts/AlertsPage';
import { FleetPage } from './pages/fleet/FleetPage';
import type { SignInPage as SignInPageType } from './pages/signin/SignInPage';
import type { HelpDialog as HelpDialogType } from './components/HelpDialog';
import type { Palette as PaletteType } from './components/Palette';
import type { SqlPage as SqlPageType } from './pages/sql/SqlPage';
import type { StoragePage as StoragePageType } from './pages/storage/StoragePage';
import type { HostPage as HostPageType } from './pages/host/HostPage';
import type { ProcessPage as ProcessPageType } from './pages/process/ProcessPage';
import { type Route, navigate, parseRoute, processPath, usePathname } from './state/router';
import { useContrast, useZone } from './state/settings';
import { text } from './text';

/** Charts are the larger half of the page's code, and neither sign-in nor fleet needs them. */
const loadHostPage = (): Promise<{ default: typeof HostPageType }> =>
  import('./pages/host/HostPage').then(({ HostPage }) => ({ default: HostPage }));
const HostPage = lazy(loadHostPage);
const loadProcessPage = (): Promise<{ default: typeof ProcessPageType }> =>
  import('./pages/process/ProcessPage').then((module) => ({ default: module.ProcessPage }));
const ProcessPage = lazy(loadProcessPage);
const AlertsPage = lazy((): Promise<{ default: typeof AlertsPageType }> =>
  import('./pages/alerts/AlertsPage').then((module) => ({ default: module.AlertsPage })),
);
const SignInPage = lazy((): Promise<{ default: typeof SignInPageType }> =>
  import('./pages/signin/SignInPage').then((module) => ({ default: module.SignInPage })),
);
const StoragePage = lazy((): Promise<{ default: typeof StoragePageType }> =>
  import('./pages/storage/StoragePage').then((module) => ({ default: module.StoragePage })),
);
const SqlPage = lazy((): Promise<{ default: typeof SqlPageType }> =>
  import('./pages/sql/SqlPage').then((module) => ({ default: module.SqlPage })),
);
const loadPalette = (): Promise<{ default: typeof PaletteType }> =>
  import('./components/Palette').then((module) => ({ default: module.Palette }));
const Palette = lazy(loadPalette);
const HelpDialog = lazy((): Promise<{ default: typeof HelpDialogType }> =>
  import('./components/HelpDialog').then((module) => ({ default: module.HelpDialog })),
);
const AccessPage = lazy((): Promise<{ default: typeof AccessPageType }> =>
  import('./pages/access/AccessPage').then((module) => ({ default: module.AccessPage })),
);
const AboutPage = lazy((): Promise<{ default: typeof AboutPageType }> =>
  import('./pages/about/AboutPage').then((module) => ({ default: module.AboutPage })),
);

const sessionQuery = {
  queryKey: sessionKey,
  queryFn: ({ signal }: { readonly signal: AbortSignal }) => fetchSession(signal),
  staleTime: Infinity,
  retry: (_: number, error: Error) => error instanceof ApiError && error.kind === 'offline',
  retryDelay: 2000,
};

/** Asks for what the first page takes, side by side, before anything is drawn. */
export function askAhead(client: QueryClient): void {
  void client.prefetchQuery(sessionQuery);
  const { page } = parseRoute(window.location.pathname);
  if (page === 'host') void loadHostPage();
  if (page === 'process') void loadProcessPage();
}

export function App(): JSX.Element {
  const session = useQuery(sessionQuery);
  useSignOutOn401();
  if (session.isPending && session.failureCount === 0) return <PageLoading />;
  if (session.data === undefined) return <Notice {...text.errors.offline} busy={session.isFetching} />;
  return session.data ? (
    <SignedIn session={session.data} />
  ) : (
    <Suspense fallback={<PageLoading />}>
      <SignInPage />
    </Suspense>
  );
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
    document.title = titleOf(route);
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
    void loadHostPage();
    void loadPalette();
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
        <Suspense fallback={<PageLoading />}>
          {route.page === 'host' && <HostPage key={route.host} name={route.host} />}
          {route.page === 'process' && (
            <ProcessPage
              key={processPath(route.host, route.process)}
              host={route.host}
              process={route.process}
            />
          )}
          {route.page === 'alerts' && <AlertsPage />}
          {route.page === 'storage' && <StoragePage />}
          {route.page === 'sql' && <SqlPage />}
          {route.page === 'access' && <AccessPage session={session} />}
          {route.page === 'about' && <AboutPage />}
        </Suspense>
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
    storage: text.storage.title,
    sql: text.sql.title,
    access: text.access.title,
    about: text.about.title,
    unknown: '',
  };
  const part = parts[route.page];
  return part === '' ? text.product : `${part} · ${text.product}`;
}
