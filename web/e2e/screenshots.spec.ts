/**
 * Every page as it looks, with a real incident in it: a process eats the CPU at a known time. `make screenshots` keeps the
 * pictures in docs/images; elsewhere they go where the results of tests are.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';

import type { Page } from '@playwright/test';

import { expect, test, tolerate } from './fixtures';
import { HOG, startHog } from './hog';
import { HostScreen } from './hostPage';

const { SCREENSHOTS: directory } = process.env;

/** What is recorded before the incident, so that it stands out; for pictures to keep there is time. */
const CALM_MS = directory === undefined ? 0 : 150_000;
const INCIDENT_MS = directory === undefined ? 8000 : 40_000;

/** The small line of a host. */
const LINE = 'svg[role="img"] path[d^="M"]';

const at = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** Nothing is on its way any more. */
async function settled(page: Page): Promise<void> {
  await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0);
  await expect(page.locator('[data-loading]')).toHaveCount(0);
  await page.waitForLoadState('load');
}

test('every page in both themes, and in Chinese', async ({ watched: page, recorded, history }, info) => {
  test.setTimeout(CALM_MS + INCIDENT_MS + 240_000);
  const { host } = recorded;
  await expect
    .poll(
      async () => {
        const { created } = (await (await history.get(`/api/v1/hosts/${host}`)).json()) as {
          created: string;
        };
        return Date.now() - Date.parse(created);
      },
      { timeout: CALM_MS + 30_000, intervals: [1000] },
    )
    .toBeGreaterThan(CALM_MS);

  const fromMs = Date.now();
  const hog = startHog();
  let [pid, startMs] = ['', Number.NaN];
  try {
    await expect
      .poll(
        async () => {
          const answer = await history.get(`/api/v1/hosts/${host}/processes`, {
            params: { from: String(fromMs), to: String(Date.now()), limit: '1000' },
          });
          const { processes } = (await answer.json()) as {
            processes: {
              pid: number;
              name: string;
              start_time: string;
              first_seen: string;
              last_seen: string;
            }[];
          };
          const mine = processes.find(
            ({ name, start_time }) => name === HOG && Date.parse(start_time) > fromMs - 2000,
          );
          pid = String(mine?.pid);
          startMs = Date.parse(mine?.start_time ?? '');
          return Date.parse(mine?.last_seen ?? '') - Date.parse(mine?.first_seen ?? '');
        },
        { message: 'how long the incident was recorded', timeout: INCIDENT_MS + 60_000, intervals: [1000] },
      )
      .toBeGreaterThan(INCIDENT_MS);
  } finally {
    hog.stop();
  }
  const toMs = Date.now();
  // Whether tacho-sql runs is not what this is about.
  tolerate(page, /\/api\/v1\/sql$/);
  await page.setViewportSize({ width: 1280, height: 800 });
  const keep = async (name: string): Promise<void> => {
    await settled(page);
    const path = directory === undefined ? info.outputPath(name) : resolve('..', directory, name);
    mkdirSync(resolve(path, '..'), { recursive: true });
    await page.screenshot({ path: `${path}.png`, animations: 'disabled', caret: 'hide' });
  };
  const span = `from=${at(fromMs - Math.max(90_000, CALM_MS))}&to=${at(toMs + 10_000)}`;
  const selection = `selection=${at(fromMs)}/${at(toMs)}`;
  const screen = new HostScreen(page);

  for (const scheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto('/');
    const table = page.getByRole('table', { name: 'Hosts of the fleet' });
    await expect(table).toContainText(host);
    await expect(table.locator(LINE).first()).toBeAttached();
    await keep(`fleet-${scheme}`);
    await page.goto('/?view=grid');
    const cards = page.getByRole('list', { name: 'Hosts of the fleet' });
    await expect(cards).toContainText(host);
    await expect(cards.locator(LINE).first()).toBeAttached();
    await keep(`cards-${scheme}`);
    await page.goto('/?view=heat');
    await expect(page.getByRole('img', { name: 'CPU of all hosts over time' })).toBeVisible();
    await keep(`heat-${scheme}`);
    await page.goto(
      `/hosts/${host}?${span}&at=${at((fromMs + toMs) / 2)}&process=${pid}@${new Date(startMs).toISOString()}`,
    );
    await expect(screen.rows().first()).toBeVisible();
    await expect(page.locator('[data-track="top"] canvas')).toBeVisible();
    await keep(`host-${scheme}`);
    await page.getByRole('button', { name: 'Show Disks' }).click();
    await expect(page.locator('[data-track="disk_read"] canvas')).toBeVisible();
    await keep(`sections-${scheme}`);
    await page.getByRole('button', { name: 'Fold the section Disks' }).click();
    await page.goto(`/hosts/${host}?${span}&${selection}&changes=before`);
    await expect(page.getByRole('table', { name: 'What changed?' })).toBeVisible();
    await keep(`changes-${scheme}`);
    await page.goto(`/hosts/${host}/processes/${pid}/${new Date(startMs).toISOString()}?${span}`);
    await expect(page.getByRole('heading', { name: HOG })).toBeVisible();
    await keep(`process-${scheme}`);
    for (const [name, path] of [
      ['alerts', '/alerts'],
      ['receivers', '/receivers'],
      ['events', '/events'],
      ['storage', '/storage'],
      ['sql', '/sql?q=SELECT%20host%2C%20max(load1)%0AFROM%20host%0AGROUP%20BY%20host'],
      ['access', '/access'],
      ['about', '/about'],
    ] as const) {
      await page.goto(path);
      await expect(page.getByRole('heading').first()).toBeAttached();
      if (name === 'sql') await expect(page.getByRole('textbox', { name: 'Query' })).toBeVisible();
      await keep(`${name}-${scheme}`);
    }
  }

  await page.evaluate(() => localStorage.setItem('tacho.language', '"zh"'));
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(`/hosts/${host}?${span}&at=${at((fromMs + toMs) / 2)}`);
  await expect(page.getByRole('table', { name: '进程' }).locator('tbody tr').first()).toBeVisible();
  await expect(page.locator('[data-track="top"] canvas')).toBeVisible();
  await keep('host-chinese');
});
