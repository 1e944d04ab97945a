import { readFileSync } from 'node:fs';

import { expect, test } from './fixtures';
import { HostScreen } from './hostPage';

test('a folded section asks for nothing; unfolded it has charts under the same crosshair, and stays', async ({
  watched: page,
  recorded: { host, early, late },
}) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (/\/hosts\/[^/]+\/(series|filesystems)$/.test(pathname)) {
      asked.push(searchParams.get('table') ?? 'filesystems');
    }
  });
  const screen = new HostScreen(page);
  await screen.open(host, early - 20_000, late + 20_000);
  await expect(page.locator('[data-track="top"] canvas')).toBeVisible();
  expect(new Set(asked)).toEqual(new Set(['host']));

  await page.getByRole('button', { name: 'Show Sockets' }).click();
  const tcp = page.locator('[data-track="sockets_tcp"]');
  await expect(tcp.locator('canvas')).toBeVisible();
  await page.getByRole('button', { name: 'Show File systems' }).click();
  await expect(page.locator('[data-track="fs_used"] canvas')).toBeVisible();
  expect(asked.filter((table) => table === 'filesystem')).toHaveLength(2);
  expect(asked).toContain('filesystems');

  // One overlay lies over all charts: pointing at one of the new ones moves the table.
  await page.getByRole('button', { name: 'Fold the section File systems' }).click();
  await tcp.scrollIntoViewIfNeeded();
  const box = await tcp.boundingBox();
  const { x } = await screen.pointOf(early);
  await page.mouse.move(x, (box?.y ?? 0) + 20);
  await expect(screen.panel.getByText('At', { exact: true })).toBeVisible();
  await page.mouse.move(5, 5);

  await page.getByRole('button', { name: 'Export' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Drawing (SVG)' }).click();
  const svg = readFileSync(await (await download).path(), 'utf8');
  expect(svg).toMatch(/^<svg [^]*Sockets · TCP[^]*<\/svg>\n$/);

  await page.reload();
  await expect(tcp.locator('canvas')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Show File systems' })).toBeVisible();
  await page.getByRole('button', { name: 'Fold the section Sockets' }).click();
  await expect(page.getByRole('button', { name: 'Show Sockets' })).toBeVisible();
  await expect(tcp).toHaveCount(0);
});

test('readings of each minute are there in a range of seconds', async ({
  watched: page,
  recorded: { host, late },
}) => {
  const screen = new HostScreen(page);
  await screen.open(host, late - 10_000, late + 1);
  await page.getByRole('button', { name: 'Show File systems' }).click();
  const used = page.locator('[data-track="fs_used"]');
  await expect(used.locator('canvas')).toBeVisible();
  await expect(used).toContainText('%');
});
