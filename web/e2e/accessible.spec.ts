import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { AxeResults } from 'axe-core';
import type { Page } from '@playwright/test';

import { expect, test, tolerate } from './fixtures';
import { HostScreen } from './hostPage';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong, if it is serious: rule and the first places. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map(({ target }) => target.join(' '))
          .join(' | ')}`,
    );
}

for (const scheme of ['dark', 'light'] as const) {
  test(`every page can be read by everybody: ${scheme}`, async ({ watched: page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    // Whether tacho-sql runs is not what this is about.
    tolerate(page, /\/api\/v1\/sql$/);
    for (const path of [
      '/',
      '/?view=heat',
      '/?view=grid',
      '/?view=grid&group=state',
      '/?group=state',
      '/?group=tag',
      '/events',
      '/alerts',
      '/receivers',
      '/storage',
      '/access',
      '/about',
      '/sql?q=SELECT+1',
    ]) {
      await page.goto(path);
      await expect(page.getByRole('heading').first()).toBeVisible();
      await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0);
      expect(await findings(page), path).toEqual([]);
    }
  });

  test(`a host's page can be read by everybody: ${scheme}`, async ({ watched: page, recorded }) => {
    await page.emulateMedia({ colorScheme: scheme });
    const { host, early, late } = recorded;
    const screen = new HostScreen(page);
    // File systems are read once a minute.
    await screen.open(host, early - 100_000, late + 20_000, '&compare=1d');
    for (const section of ['File systems', 'Disks', 'Sockets']) {
      await page.getByRole('button', { name: `Show ${section}` }).click();
    }
    for (const track of ['fs_used', 'disk_read', 'sockets_tcp']) {
      await expect(page.locator(`[data-track="${track}"] canvas`)).toBeAttached();
    }
    expect(await findings(page), 'host').toEqual([]);
    const span = [early, late].map((ms) => new Date(ms).toISOString()).join('/');
    await screen.open(host, early - 20_000, late + 20_000, `&reading=host.load1&selection=${span}`);
    await page.keyboard.press('w');
    await expect(
      page.getByRole('region', { name: 'What changed?' }).getByRole('status', { name: 'Loading' }),
    ).toHaveCount(0);
    expect(await findings(page), 'what changed').toEqual([]);
  });

  test(`a process's own page can be read by everybody: ${scheme}`, async ({ watched: page, recorded }) => {
    await page.emulateMedia({ colorScheme: scheme });
    const { host, early, late } = recorded;
    const screen = new HostScreen(page);
    // One that is there for the whole test, so that its host can be asked for its open files.
    await screen.open(host, early - 20_000, late + 20_000, '&filter=name:tacho-server');
    await screen.rows().first().click();
    await page.getByRole('link', { name: 'Open', exact: true }).click();
    await expect(page.getByRole('region', { name: 'About this process' })).toBeVisible();
    expect(await findings(page), 'process').toEqual([]);
    await page.getByRole('button', { name: 'Ask now' }).click();
    const files = page.getByRole('table', { name: 'Open files' });
    await expect(files.getByText('catalog.sqlite', { exact: false }).first()).toBeVisible();
    expect(await findings(page), 'open files').toEqual([]);
    const filter = page.getByRole('searchbox', { name: 'Filter open files' });
    await filter.fill('no such file');
    await expect(files.getByRole('row')).toHaveCount(1);
    expect(await findings(page), 'no open file by that name').toEqual([]);
    await filter.blur();
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog')).toBeVisible();
    expect(await findings(page), 'help').toEqual([]);
  });
}
