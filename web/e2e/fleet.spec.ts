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
  for (const column of [0, 2, 3]) {
    await expect(row.getByRole('cell').nth(column)).toHaveText(/^\d+\.\d%$/);
  }
  await expect(row.getByRole('img', { name: 'CPU of the last 30 minutes' })).toBeVisible();
  await expect(page.getByRole('status').filter({ hasText: 'Live' })).toBeVisible();

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
});
