/**
 * Asks for what the page at this address is going to ask for, before its code runs: the server works on the answers while the
 * browser works on the page. What it guesses wrong is asked once more, and nothing else comes of it.
 */
import { fetchAlertCount } from './api/alerts';
import { askEarly } from './api/client';
import { MOST_GAPS_MS, fetchGaps } from './api/gaps';
import { fetchHost, fetchHosts } from './api/hosts';
import { fetchInterval } from './api/interval';
import { fetchProcessesAt } from './api/processes';
import { fetchHostSeries } from './api/series';
import { fetchSession, rememberedSession } from './api/session';
import { fetchTopSeries } from './api/top';
import { type Buckets, USUALLY_LONGER_MS, bucketsFor, pointsFor } from './lib/buckets';
import { openedMs } from './lib/opened';
import { isStringList, readPreference } from './lib/preference';
import { resolveRange } from './lib/range';
import { parseRoute } from './lib/route';
import { FOLDED_AT_FIRST, HOST_COLUMNS, TOP_PROCESSES } from './pages/host/hostColumns';
import { chartWidth } from './pages/host/paneWidth';
import { type HostView, decodeHostView } from './state/hostAddress';

const { signal } = new AbortController();

function ask<T>(fetchIt: () => Promise<T>): void {
  // Who takes the answer is told of the error.
  askEarly(fetchIt).catch(() => undefined);
}

function askForCharts(host: string, view: HostView, { fromMs, toMs, points }: Buckets): void {
  const query = { host, fromMs, toMs, points };
  const folded = readPreference('tracks.folded', FOLDED_AT_FIRST, isStringList);
  if (!folded.includes('top')) {
    ask(() => fetchTopSeries({ ...query, by: view.top, limit: TOP_PROCESSES }, signal));
  }
  ask(() => fetchHostSeries({ ...query, columns: HOST_COLUMNS }, signal));
  if (toMs - fromMs <= MOST_GAPS_MS) ask(() => fetchGaps(host, { fromMs, toMs }, signal));
}

/** The instant that the process table begins with. */
function shownMs({ pinMs, range }: HostView): number {
  return pinMs ?? (range.kind === 'fixed' ? range.toMs - 1 : openedMs);
}

async function askForHost(host: string): Promise<void> {
  const view = decodeHostView(window.location.search);
  const span = resolveRange(view.range, openedMs);
  const most = pointsFor(chartWidth(window.innerWidth));
  const coarse = bucketsFor(span, most);
  const isCoarse = coarse.bucketMs >= USUALLY_LONGER_MS;
  if (isCoarse) askForCharts(host, view, coarse);
  ask(() => fetchHost(host, signal));
  if (!view.selection) ask(() => fetchProcessesAt(host, shownMs(view), signal));
  if (isCoarse) return;
  const intervalMs = await askEarly(() => fetchInterval(host, span.toMs, signal));
  askForCharts(host, view, bucketsFor(span, most, intervalMs));
}

function askAhead(): void {
  ask(() => fetchSession(signal));
  // A stranger would be refused all of it.
  if (rememberedSession() === null) return;
  const route = parseRoute(window.location.pathname);
  if (route.page === 'host') askForHost(route.host).catch(() => undefined);
  if (route.page === 'fleet') ask(() => fetchHosts(signal));
  ask(() => fetchAlertCount(signal));
}

askAhead();
