import { expect, test } from './fixtures';

test('the fleet lists its hosts with readings, and a row leads to its host', async ({
  watched: page,
  recorded,
}) => {
  await page.goto('/');
  const table = page.getByRole('table', { name: 'Hosts of the fleet' });
  const row = table.getByRole('row').filter({ hasText: recorded.host }).first();
  await expect(row).toBeVisible();
  await expect(row.getByRole('img', { name: 'up' })).toBeVisible();
  // CPU, memory and the fullest file system.
  for (const column of [1, 4, 5]) {
    await expect(row.getByRole('cell').nth(column)).toHaveText(/^\d+\.\d%$/);
  }
  await expect(row.getByRole('img', { name: 'CPU of the last 30 minutes' })).toBeVisible();
  await expect(page.getByRole('status').filter({ hasText: 'Live' })).toBeVisible();
  // Asked again is what changes without a snapshot; what the host is stays, and so do its readings.
  await page.waitForResponse((response) => response.url().endsWith('/api/v1/hosts?detail=state'));
  await expect(row.getByRole('rowheader')).toHaveText(/\d cores?/);
  await expect(row.getByRole('cell').nth(4)).toHaveText(/^\d+\.\d%$/);

  await row.getByRole('link', { name: recorded.host }).click();
  await expect(page).toHaveURL(new RegExp(`/hosts/${recorded.host}$`));
  await expect(page.getByRole('heading', { name: recorded.host })).toBeVisible();
});

test('filter and sort order of the fleet are in its address', async ({ watched: page, recorded }) => {
  await page.goto('/');
  const table = page.getByRole('table', { name: 'Hosts of the fleet' });
  await page.getByLabel('Filter hosts').fill('-state:up');
  await expect(page).toHaveURL(/filter=/);
  await expect(table.getByRole('row').filter({ hasText: recorded.host })).toHaveCount(0);
  await page.getByLabel('Filter hosts').fill(recorded.host);
  await expect(table.getByRole('row').filter({ hasText: recorded.host }).first()).toBeVisible();
  await table.getByRole('button', { name: 'CPU', exact: true }).click();
  await expect(page).toHaveURL(/sort=-cpu/);
  await page.reload();
  await expect(page.getByLabel('Filter hosts')).toHaveValue(recorded.host);
  await expect(table.getByRole('columnheader', { name: 'CPU', exact: true })).toHaveAttribute(
    'aria-sort',
    'descending',
  );
  // Of the whole fleet, though it is no reading.
  await table.getByRole('button', { name: 'Gaps', exact: true }).click();
  await expect(page).toHaveURL(/sort=-gap/);
});

test('the fleet is shown as cards, which is remembered, on a phone at first, with one question for all lines', async ({
  watched: page,
  recorded,
}) => {
  const asked = page.waitForRequest((request) => request.url().includes('/series'));
  await page.goto('/');
  // All rows in one question.
  expect(new URL((await asked).url()).pathname).toBe('/api/v1/fleet/series');
  const cards = page.getByRole('list', { name: 'Hosts of the fleet' });
  await page.getByText('Cards', { exact: true }).click();
  await expect(page).toHaveURL(/view=grid/);
  const card = cards.getByRole('listitem').filter({ hasText: recorded.host }).first();
  await expect(card.getByRole('img', { name: 'CPU of the last 30 minutes' })).toBeVisible();
  await page.getByLabel('Order').selectOption('memory');
  await expect(page).toHaveURL(/sort=-memory/);
  await page.goto('/');
  await expect(card).toBeVisible();
  // A narrow window has cards until somebody says otherwise.
  await page.evaluate(() => localStorage.clear());
  await page.setViewportSize({ width: 390, height: 800 });
  await page.reload();
  await expect(card).toBeVisible();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide, 'nothing is beside the screen').toBeLessThanOrEqual(390);
  await card.getByRole('link', { name: recorded.host }).focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/hosts/${recorded.host}$`));
});
