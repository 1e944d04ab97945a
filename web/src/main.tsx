import './ahead';

import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App, prepare } from './App';
import { ApiError } from './api/client';
import { installHints } from './components/hints';
import { CrashBoundary } from './components/CrashBoundary';
import { language } from './text';
import { theme } from './theme';

import './styles/mantine.css';
import './styles/tokens.css';
import './styles/base.css';

/** Only what may be over in a moment is worth asking again. */
const PASSING: ReadonlySet<string> = new Set(['offline', 'unavailable', 'overloaded']);

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => error instanceof ApiError && PASSING.has(error.kind) && failures < 3,
      refetchOnWindowFocus: false,
      // A page on loopback works without any network: the browser's idea of "online" decides nothing.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

document.documentElement.lang = language;
installHints(document);

async function start(): Promise<void> {
  await prepare(queryClient);
  const root = document.querySelector('#root');
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <CrashBoundary>
          <QueryClientProvider client={queryClient}>
            <App />
          </QueryClientProvider>
        </CrashBoundary>
      </MantineProvider>
    </StrictMode>,
  );
}

void start();
