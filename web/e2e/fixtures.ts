/**
 * A page that is signed in and watched: any console error, any exception and any request to another origin
 * fails the test.
 */
import {
  type APIRequestContext,
  type Browser,
  type Page,
  type PlaywrightWorkerArgs,
  test as base,
  expect,
} from '@playwright/test';

export const USER = process.env.TACHO_USER ?? 'admin';
export const PASSWORD = process.env.TACHO_PASSWORD ?? '';

/** How much history must be there before a test moves through it. */
const ENOUGH_MS = 45_000;

export interface Recorded {
  readonly host: string;
  /** When the newest snapshots were taken, in order. */
  readonly times: readonly number[];
  /** Two of them, more than half a minute apart. */
  readonly early: number;
  readonly late: number;
}

type StorageState = Awaited<ReturnType<APIRequestContext['storageState']>>;

interface TestFixtures {
  readonly watched: Page;
  readonly recorded: Recorded;
}

interface WorkerFixtures {
  readonly signedIn: StorageState;
  /** Asks the server, once it has recorded enough. */
  readonly history: APIRequestContext;
}

function newRequest(
  playwright: PlaywrightWorkerArgs['playwright'],
  storageState?: StorageState,
): Promise<APIRequestContext> {
  return playwright.request.newContext({
    baseURL: process.env.TACHO_URL ?? 'http://127.0.0.1:9380',
    ignoreHTTPSErrors: true,
    ...(storageState ? { storageState } : {}),
  });
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  signedIn: [
    async ({ playwright }, use) => {
      const request = await newRequest(playwright);
      const answer = await request.post('/api/v1/session', {
        data: { user: USER, password: PASSWORD },
        headers: { 'X-Tacho-Request': '1' },
      });
      expect(answer.ok(), `signing in as ${USER}: ${await answer.text()}`).toBe(true);
      await use(await request.storageState());
      await request.dispose();
    },
    { scope: 'worker' },
  ],

  watched: async ({ page, context, signedIn, baseURL }, use) => {
    await context.addCookies(signedIn.cookies);
    const problems = watch(page, baseURL ?? '');
    await use(page);
    expect(problems, 'console errors, exceptions and foreign requests').toEqual([]);
  },

  history: [
    async ({ signedIn, playwright }, use) => {
      const request = await newRequest(playwright, signedIn);
      await expect
        .poll(
          async () => {
            const { times } = await recordedSnapshots(request);
            return (times.at(-1) ?? 0) - (times[0] ?? 0);
          },
          { message: 'milliseconds of history of a host that is up', timeout: 90_000, intervals: [1000] },
        )
        .toBeGreaterThanOrEqual(ENOUGH_MS);
      await use(request);
      await request.dispose();
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  recorded: async ({ history }, use) => use(await recordedSnapshots(history)),
});

export { expect } from '@playwright/test';

const tolerated = new WeakMap<Page, RegExp>();

/** Errors about such addresses are what a test is about. */
export function tolerate(page: Page, address: RegExp): void {
  tolerated.set(page, address);
}

export function watch(page: Page, baseURL: string): string[] {
  const problems: string[] = [];
  const origin = new URL(baseURL).origin;
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const { url } = message.location();
    if (!tolerated.get(page)?.test(url)) problems.push(`${message.text()} ${url}`);
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== origin) problems.push(`request to ${request.url()}`);
  });
  return problems;
}

const NOTHING_RECORDED: Recorded = { host: '', times: [], early: 0, late: 0 };

async function recordedSnapshots(request: APIRequestContext): Promise<Recorded> {
  const { hosts } = (await (await request.get('/api/v1/hosts')).json()) as {
    hosts: { name: string; state: string }[];
  };
  const host = hosts.find(({ state }) => state === 'up')?.name;
  if (host === undefined) return NOTHING_RECORDED;
  const now = Date.now();
  const answer = await request.get(`/api/v1/hosts/${encodeURIComponent(host)}/rows`, {
    params: { table: 'host', columns: 'time', from: String(now - 240_000), to: String(now + 60_000) },
  });
  const { rows } = (await answer.json()) as { rows: { time: string }[] };
  const times = rows.map(({ time }) => Date.parse(time)).sort((left, right) => left - right);
  // Not the very newest: a test should not race against what is being recorded.
  const late = times.at(-2) ?? 0;
  const early = times.findLast((ms) => ms <= late - 32_000) ?? 0;
  return { host, times, early, late };
}

/** A second browser that knows nothing of the first but can sign in. */
export async function secondBrowser(
  browser: Browser,
  signedIn: StorageState,
  baseURL: string,
): Promise<{ readonly page: Page; readonly problems: readonly string[] }> {
  const context = await browser.newContext({
    baseURL,
    ignoreHTTPSErrors: true,
    storageState: signedIn,
    viewport: { width: 1440, height: 900 },
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  return { page, problems: watch(page, baseURL) };
}
