import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { expect, test } from './fixtures';
import { HostScreen } from './hostPage';

/** A busy loop, found again by a word in its command. */
function startCulprit(word: string): ChildProcess {
  return spawn('/bin/sh', ['-c', 'while :; do :; done', word], { stdio: 'ignore' });
}

test('from the heat map to the culprit in four actions', async ({ watched: page, recorded, history }) => {
  const word = `culprit-${String(Date.now())}`;
  const culprit = startCulprit(word);
  try {
    // It has been seen and stored.
    await expect
      .poll(
        async () => {
          const answer = await history.get(`/api/v1/hosts/${recorded.host}/processes`, {
            params: { from: String(Date.now() - 30_000), limit: '1000' },
          });
          const { processes } = (await answer.json()) as {
            processes: { command: string; cpu_seconds: number }[];
          };
          return processes.find(({ command }) => command.includes(word))?.cpu_seconds ?? 0;
        },
        { timeout: 30_000, intervals: [500] },
      )
      .toBeGreaterThan(1);
    await page.goto('/');
    await page.getByText('Heat map', { exact: true }).click();
    await expect(page).toHaveURL(/view=heat/);
    await expect(page.getByRole('img', { name: 'CPU of all hosts over time' })).toBeVisible();
    await page.getByRole('region', { name: 'Hottest' }).getByRole('link').first().click();
    await expect(page).toHaveURL(new RegExp(`/hosts/${recorded.host}\\?.*at=`));
    const screen = new HostScreen(page);
    await expect(screen.panel.getByText('Pinned')).toBeVisible();
    await page.getByRole('button', { name: 'Now', exact: true }).click();
    await page.getByLabel('Filter processes').fill(word);
    await expect(screen.rows()).toHaveCount(1);
    await expect(screen.rows().first()).toContainText(String(culprit.pid));
  } finally {
    culprit.kill('SIGKILL');
  }
});

test('a click on the map opens the host at that moment', async ({ watched: page, recorded }) => {
  await page.goto('/?view=heat');
  const map = page.getByRole('img', { name: 'CPU of all hosts over time' });
  await expect(map).toBeVisible();
  const box = await map.boundingBox();
  if (!box) throw new Error('the map is not on the screen');
  // The newest buckets are at the right.
  await expect
    .poll(async () => {
      for (const part of [0.999, 0.99, 0.98, 0.97]) {
        await page.mouse.move(box.x + box.width * part, box.y + box.height / 2);
        if (
          await page
            .getByText(new RegExp(`^${recorded.host} at `))
            .first()
            .isVisible()
        )
          return true;
      }
      return false;
    })
    .toBe(true);
  await page.mouse.down();
  await page.mouse.up();
  await expect(page).toHaveURL(new RegExp(`/hosts/${recorded.host}\\?.*at=`));
  await page.goto('/?view=heat&reading=load1&range=6h');
  await expect(page.getByRole('img', { name: 'Load of all hosts over time' })).toBeVisible();
  await expect(page.getByLabel('Reading')).toHaveValue('load1');
});

test('columns and groups of the fleet', async ({ watched: page, recorded }) => {
  await page.goto('/');
  const table = page.getByRole('table', { name: 'Hosts of the fleet' });
  await expect(table.getByRole('columnheader', { name: 'Pressure' })).toBeVisible();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Pressure' }).click();
  await page.keyboard.press('Escape');
  await expect(table.getByRole('columnheader', { name: 'Pressure' })).toHaveCount(0);
  await page.getByLabel('Group by').selectOption('state');
  await expect(page).toHaveURL(/group=state/);
  await expect(table.getByRole('rowheader', { name: /^up/ }).first()).toBeVisible();
  await page.reload();
  await expect(table.getByRole('row').filter({ hasText: recorded.host }).first()).toBeVisible();
  await expect(table.getByRole('columnheader', { name: 'Pressure' })).toHaveCount(0);
});

test('a host is added with a fresh token', async ({ watched: page }) => {
  await page.goto('/');
  await page.getByRole('button', { name: 'Add a host' }).click();
  await expect(page.getByRole('dialog').getByText(/^tacho-agent join \S+:9300 \S{20,}$/)).toBeVisible();
});

test('charts are saved as numbers and as a picture', async ({ watched: page, recorded }) => {
  const { host, early, late } = recorded;
  const screen = new HostScreen(page);
  await screen.open(host, early - 20_000, late + 20_000);
  const saved = async (kind: string): Promise<Buffer> => {
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: kind }).click();
    return readFileSync(await (await download).path());
  };
  const csv = (await saved('Numbers (CSV)')).toString('utf8').split('\r\n');
  expect(csv[0]).toMatch(/^time,cpu\.user,cpu\.system,.*load\.load15(,top\..*)?$/);
  expect(csv.length).toBeGreaterThan(10);
  const png = await saved('Picture (PNG)');
  expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
  expect(png.length).toBeGreaterThan(20_000);
});

test('on a phone', async ({ watched: page, recorded }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto('/');
  await page.getByRole('link', { name: recorded.host }).click();
  const screen = new HostScreen(page);
  await expect(screen.rows().first()).toBeVisible();
  await expect(page.locator('[data-track="cpu"] canvas')).toBeVisible();
  // Nothing makes the page itself wider than the screen.
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(390);
});
