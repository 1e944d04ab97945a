/**
 * Asks for what the page at this address is going to ask for, before its code runs: the server works on the answers while the
 * browser works on the page. What it guesses wrong is asked once more, and nothing else comes of it.
 */
import type { QueryClient, QueryKey } from '@tanstack/react-query';

import { alertCountKey, fetchAlertCount } from './api/alerts';
import { askEarly } from './api/client';
import { MOST_GAPS_MS, fetchGaps, gapsKey } from './api/gaps';
import { fetchHost, fetchHosts, hostKey, hostsKey } from './api/hosts';
import { fetchInterval, intervalKey } from './api/interval';
import { openLiveEarly } from './api/live';
import { fetchProcessesAt, processesAtKey } from './api/processes';
import { fetchHostSeries, seriesKey } from './api/series';
import { fetchSession, rememberedSession } from './api/session';
import { fetchTopSeries, topKey } from './api/top';
import { type Buckets, USUALLY_LONGER_MS, bucketsFor, pointsFor } from './lib/buckets';
import { openedMs } from './lib/opened';
import { isStringList, readPreference } from './lib/preference';
import { resolveRange } from './lib/range';
import { parseRoute } from './lib/route';
import { FOLDED_AT_FIRST, HOST_COLUMNS, TOP_PROCESSES } from './pages/host/hostColumns';
import { chartWidth } from './pages/host/paneWidth';
import { type HostView, decodeHostView } from './state/hostAddress';

const { signal } = new AbortController();

interface Asked {
  /** None of what does not go there. */
  readonly key: QueryKey | null;
  readonly answer: Promise<unknown>;
}

/** What is on its way, and where in the cache the page looks for it. */
const asked: Asked[] = [];

function ask<T>(key: QueryKey, fetchIt: () => Promise<T>): void {
  const answer = askEarly(fetchIt);
  // Who takes the answer is told of the error.
  answer.catch(() => undefined);
  asked.push({ key, answer });
}

function askForCharts(host: string, view: HostView, { fromMs, toMs, points }: Buckets): void {
  const query = { host, fromMs, toMs, points };
  const folded = readPreference('tracks.folded', FOLDED_AT_FIRST, isStringList);
  if (!folded.includes('top')) {
    const { top: by } = view;
    ask(topKey(query, by), () => fetchTopSeries({ ...query, by, limit: TOP_PROCESSES }, signal));
  }
  const ofHost = { ...query, columns: HOST_COLUMNS };
  ask(seriesKey('host', ofHost), () => fetchHostSeries(ofHost, signal));
  if (toMs - fromMs <= MOST_GAPS_MS) {
    ask(gapsKey(host, { fromMs, toMs }), () => fetchGaps(host, { fromMs, toMs }, signal));
  }
}

/** The process table begins with an instant, or with what the stream of the host brings. */
function askForProcesses(host: string, { pinMs, range, selection }: HostView): void {
  asked.push({ key: null, answer: openLiveEarly(host) });
  const atMs = pinMs ?? (range.kind === 'fixed' ? range.toMs - 1 : null);
  if (selection || atMs === null) return;
  ask(processesAtKey(host, atMs), () => fetchProcessesAt(host, atMs, signal));
}

async function askForHost(host: string): Promise<void> {
  // Its code beside that of all pages, instead of after it.
  import('./pages/host/HostPage').catch(() => undefined);
  const view = decodeHostView(window.location.search);
  const span = resolveRange(view.range, openedMs);
  const most = pointsFor(chartWidth(window.innerWidth));
  const coarse = bucketsFor(span, most);
  const isCoarse = coarse.bucketMs >= USUALLY_LONGER_MS;
  if (isCoarse) askForCharts(host, view, coarse);
  ask(hostKey(host), () => fetchHost(host, signal));
  askForProcesses(host, view);
  if (isCoarse) return;
  const interval = askEarly(() => fetchInterval(host, span.toMs, signal));
  asked.push({ key: intervalKey(host, span.toMs), answer: interval });
  askForCharts(host, view, bucketsFor(span, most, await interval));
}

/** Is over when all that can be asked for has been asked for. */
async function askAhead(): Promise<void> {
  const session = askEarly(() => fetchSession(signal));
  session.catch(() => undefined);
  // A stranger would be refused all of it.
  if (rememberedSession() === null) return;
  const route = parseRoute(window.location.pathname);
  const ofHost = route.page === 'host' ? askForHost(route.host) : null;
  if (route.page === 'fleet') ask(hostsKey, () => fetchHosts(signal));
  ask(alertCountKey, () => fetchAlertCount(signal));
  await ofHost;
}

const isAsked = askAhead().catch(() => undefined);

/**
 * Puts the answers into the cache as they come, until all are there or `mostMs` have passed: a page that has its answers when
 * it is first drawn is drawn once. Who asks for what comes later gets it as if asked now.
 */
export async function takeAnswers(client: QueryClient, mostMs: number): Promise<void> {
  let isOver = false;
  const taken = isAsked.then(() =>
    Promise.allSettled(
      asked.map(async ({ key, answer }) => {
        const data = await answer;
        if (key && !isOver) client.setQueryData(key, data);
      }),
    ),
  );
  await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, mostMs))]);
  isOver = true;
}
