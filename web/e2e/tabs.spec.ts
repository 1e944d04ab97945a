/** Many tabs of one browser: without TLS it opens six connections to a server, whatever the number of tabs. */
import type { Page } from '@playwright/test';

import { PASSWORD, USER, expect, test, tolerate, watch } from './fixtures';

const TABS = 10;

const isLive = (tab: Page): Promise<void> =>
  expect(tab.getByRole('status').filter({ hasText: 'Live' })).toBeVisible();

/** New readings come: of the fleet's table, memory or CPU of a host at work. */
async function movesOn(fleet: Page): Promise<void> {
  const table = fleet.getByRole('table', { name: 'Hosts of the fleet' });
  const before = await table.innerText();
  await expect.poll(() => table.innerText(), { message: 'the table changes' }).not.toBe(before);
}

test('ten tabs beside each other are live, and stay so', async ({ watched: first, recorded, baseURL }) => {
  const { host, early, late } = recorded;
  // A range that is over: what ten tabs ask for again and again is not what this is about.
  const range = [early, late].map((ms) => new Date(ms).toISOString());
  const paths = ['/', `/hosts/${host}?from=${String(range[0])}&to=${String(range[1])}`];
  await first.goto('/');
  const tabs = [first];
  const problems: string[][] = [];
  while (tabs.length < TABS) {
    const tab = await first.context().newPage();
    problems.push(watch(tab, baseURL ?? ''));
    await tab.goto(paths[tabs.length % 2] ?? '/');
    await isLive(tab);
    tabs.push(tab);
  }
  for (const tab of tabs) await isLive(tab);
  // What the newest tab asks for still comes, and so do the snapshots.
  const last = tabs.at(-1);
  if (!last) throw new Error('there are no tabs');
  await last.goto('/');
  await isLive(last);
  for (const tab of [first, last]) await movesOn(tab);
  expect(problems.flat()).toEqual([]);
});

test('a session that ends in one tab ends in the others, and the next goes live again', async ({
  page,
  context,
  recorded,
  baseURL,
}) => {
  const signIn = { data: { user: USER, password: PASSWORD }, headers: { 'X-Tacho-Request': '1' } };
  expect((await context.request.post('/api/v1/session', signIn)).ok()).toBe(true);
  const other = await context.newPage();
  // What a page asks without a session is refused, which is an error to the browser.
  for (const tab of [page, other]) tolerate(tab, /\/api\/v1\//);
  const problems = [watch(page, baseURL ?? ''), watch(other, baseURL ?? '')];
  await page.goto(`/hosts/${recorded.host}`);
  await other.goto(`/hosts/${recorded.host}`);
  await isLive(page);
  await isLive(other);
  await page.getByRole('button', { name: `Signed in as ${USER}` }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  // The server looks twice a minute whether who reads a stream still may.
  await expect(other.getByRole('button', { name: 'Sign in' })).toBeVisible({ timeout: 60_000 });
  await other.getByLabel('User').fill(USER);
  await other.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await isLive(other);
  expect(problems.flat()).toEqual([]);
});
