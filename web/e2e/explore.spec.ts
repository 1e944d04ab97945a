import type { APIRequestContext } from '@playwright/test';

import { expect, test } from './fixtures';
import { HostScreen } from './hostPage';
import { HOG, type Hog, startHog } from './hog';

let hog: Hog;
/** Shortly before it began: the loop is in this range and not in the time before it, however long it takes to be seen. */
let sinceMs = 0;

test.beforeAll(() => {
  sinceMs = Date.now() - 2000;
  hog = startHog();
});
test.afterAll(() => hog.stop());

interface Found {
  readonly recorded_seconds: number;
  readonly against: { readonly recorded_seconds: number };
  readonly processes: readonly { readonly pid: number; readonly score: number }[];
}

/** When the loop had been recorded, and time before it, so that there is something to compare. */
async function seen(history: APIRequestContext, host: string): Promise<number> {
  await expect
    .poll(
      async () => {
        const answer = await history.get(`/api/v1/hosts/${host}/whatchanged`, {
          params: { from: String(sinceMs), group: 'process', limit: '100' },
        });
        const { against, processes } = (await answer.json()) as Found;
        const mine = processes.find(({ pid }) => String(pid) === hog.pid);
        const isWide = Date.now() - sinceMs > 15_000;
        return isWide && against.recorded_seconds > 0 && (mine?.score ?? 0) > 3;
      },
      { message: 'the loop stands out', timeout: 90_000, intervals: [1000] },
    )
    .toBe(true);
  return Date.now();
}

test('what changed in a dragged range: the culprit and its reading', async ({
  watched: page,
  recorded,
  history,
}) => {
  test.setTimeout(240_000);
  const now = await seen(history, recorded.host);
  const screen = new HostScreen(page);
  await screen.open(recorded.host, sinceMs - 60_000, now + 20_000);
  await screen.drag(sinceMs, now - 2000);
  await expect(screen.panel.getByText('Range', { exact: true })).toBeVisible();
  const selected = page.getByRole('group', { name: 'Selected range' });
  await selected.getByRole('button', { name: 'What changed?' }).click();
  const changed = page.getByRole('table', { name: 'What changed?' });
  const culprit = changed.getByRole('row').filter({ hasText: `${hog.pid} ·` });
  await expect(culprit).toContainText(HOG);
  await expect(culprit).toContainText('new');
  await page.mouse.move(5, 5);

  // A reading has a chart of its own, which goes away again.
  const reading = changed.getByRole('row').filter({ has: page.getByText('reading', { exact: true }) });
  await reading.first().getByRole('link').click();
  await expect(page.locator('[data-track="reading"] canvas')).toBeVisible();
  await expect(culprit).toBeVisible();
  await page.getByRole('button', { name: 'Take Reading away' }).click();
  await expect(page.locator('[data-track="reading"]')).toHaveCount(0);

  await page.keyboard.press('w');
  await expect(screen.table).toBeVisible();
  await page.keyboard.press('w');
  await culprit.getByRole('link', { name: HOG }).click();
  await expect(page.getByRole('heading', { name: HOG })).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/processes/${hog.pid}/.*selection=`));
});

/** A range in which the loop is among the processes that used most. */
async function inTheTop(history: APIRequestContext, host: string): Promise<{ from: number; to: number }> {
  const range = { from: 0, to: 0 };
  await expect
    .poll(
      async () => {
        const now = Date.now();
        Object.assign(range, { from: now - 32_000, to: now - 2000 });
        const answer = await history.get(`/api/v1/hosts/${host}/processes/series`, {
          params: { by: 'cpu', from: String(range.from), to: String(range.to), limit: '7' },
        });
        const { processes } = (await answer.json()) as { processes: { pid: number }[] };
        return processes.some(({ pid }) => String(pid) === hog.pid);
      },
      { message: 'the loop is among those that used most', timeout: 90_000, intervals: [1000] },
    )
    .toBe(true);
  return range;
}

test('the top processes: one colour everywhere, alone in the chart, a click leads to the process', async ({
  watched: page,
  recorded,
  history,
}) => {
  test.setTimeout(240_000);
  const { from, to } = await inTheTop(history, recorded.host);
  const screen = new HostScreen(page);
  await screen.open(recorded.host, from, to);
  const top = page.locator('[data-track="top"]');
  const item = top.locator('dl > div').filter({ has: page.locator(`a[href*="/processes/${hog.pid}/"]`) });
  await expect(item).toHaveCount(1);
  const swatch = item.locator('[data-swatch]');
  const color = /--line-(p\d)/.exec((await swatch.getAttribute('style')) ?? '')?.[1];
  expect(color).toBeDefined();
  const row = screen.rows().filter({ hasText: hog.pid }).filter({ hasText: HOG });
  await expect(row.locator(`[data-color="${String(color)}"]`)).toHaveCount(1);

  await item.getByRole('button', { name: HOG, exact: true }).click();
  await expect.poll(() => screen.parameter('only')).toMatch(new RegExp(`^top\\.${hog.pid}-`));
  await item.getByRole('button', { name: HOG, exact: true }).click();
  await expect.poll(() => screen.parameter('only')).toBeNull();

  // The loop is at the bottom of the stack, as it used most.
  const box = await top.locator('canvas').boundingBox();
  if (!box) throw new Error('the chart is not on the screen');
  const { x } = await screen.pointOf(to - 8000);
  await page.mouse.click(x, box.y + box.height - 4);
  await expect.poll(() => screen.parameter('process')).toMatch(/^\d+@/);
  await expect(page.getByText('Pinned')).toBeVisible();

  const memory = page.waitForResponse((response) => response.url().includes('/processes/series?by=memory'));
  await page.getByLabel('Top processes by').selectOption('memory');
  expect((await memory).ok()).toBe(true);
  await page.getByLabel('Top processes by').selectOption('cpu');
  await item.getByRole('link').click();
  await expect(page.getByRole('heading', { name: HOG })).toBeVisible();
  await expect(page.locator(`[data-color="${String(color)}"]`)).toHaveCount(1);
});

test('an alert is a mark on the time axis, which says what it was and shows that instant', async ({
  watched: page,
  recorded,
  history,
}) => {
  await expect
    .poll(
      async () => {
        const answer = await history.get('/api/v1/alerts', {
          params: { host: recorded.host, rule: 'busy-loop' },
        });
        const { alerts } = (await answer.json()) as { alerts: { text: string; fired: string | null }[] };
        return alerts.some(({ text, fired }) => fired !== null && text.includes(hog.pid));
      },
      { message: 'the alert about the loop', timeout: 40_000, intervals: [500] },
    )
    .toBe(true);
  const now = Date.now();
  const screen = new HostScreen(page);
  await screen.open(recorded.host, now - 300_000, now + 20_000);
  const mark = page
    .getByRole('group', { name: 'Events and alerts' })
    .getByRole('button', { name: new RegExp(`Alert: ${HOG} ${hog.pid}`) });
  await mark.hover();
  await expect(page.getByRole('tooltip').filter({ hasText: `Alert: ${HOG} ${hog.pid}` })).toBeVisible();
  await mark.click();
  await expect(screen.panel.getByText('Pinned')).toBeVisible();
});
