import { expect, test, tolerate } from './fixtures';

test('a maintenance window is made, refused, changed and ended', async ({ watched: page }) => {
  // A zone that nobody knows is refused, which is what a part of this is about.
  tolerate(page, /\/api\/v1\/maintenance$/);
  await page.goto('/alerts');
  const section = page.getByRole('region', { name: 'Maintenance' });
  await section.getByRole('button', { name: 'New window' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('backup');
  await dialog.getByRole('textbox', { name: 'Which alerts' }).fill('host=nobody-*');
  await dialog.getByLabel('From').fill('00:00');
  await dialog.getByLabel('Until').fill('00:00');
  await expect(dialog).toContainText('It ends on the next day.');
  const zone = dialog.getByRole('combobox', { name: 'By the clock in' });
  await zone.fill('Mars/Base');
  await dialog.getByRole('button', { name: 'Save window' }).click();
  await expect(dialog.getByRole('alert')).toContainText('which this machine does not know');
  await zone.fill('UTC');
  await dialog.getByRole('button', { name: 'Save window' }).click();
  await expect(dialog).toBeHidden();
  const row = section.getByRole('row').filter({ hasText: 'backup' });
  await expect(row).toContainText('every day 00:00–00:00 UTC');
  await expect(row).toContainText('now, and always');
  await expect(row).toContainText('made here by admin');

  await row.getByRole('button', { name: 'backup' }).click();
  const day = dayAfterNext();
  await dialog.getByRole('button', { name: day }).click();
  await dialog.getByRole('button', { name: 'Save window' }).click();
  await expect(row).toContainText(`${day} 00:00–00:00 UTC`);
  await expect(row).not.toContainText('now');
  await row.getByRole('button', { name: 'End it' }).click();
  await row.getByRole('button', { name: 'End it for good' }).click();
  await expect(row).toHaveCount(0);
});

test('who changes a window that somebody else changed meanwhile is told, and shown the newer one', async ({
  watched: page,
}) => {
  // The refused change is what this is about.
  tolerate(page, /\/api\/v1\/maintenance\/[^/]+$/);
  const headers = { 'X-Tacho-Request': '1' };
  const body = {
    name: 'shared',
    matchers: [{ label: 'host', pattern: 'nobody-*' }],
    from: '01:00',
    to: '02:00',
  };
  const made = await page.request.post('/api/v1/maintenance', { data: body, headers });
  expect(made.status()).toBe(201);
  const { id } = (await made.json()) as { id: string };
  await page.goto('/alerts');
  const section = page.getByRole('region', { name: 'Maintenance' });
  const row = section.getByRole('row').filter({ hasText: 'shared' });
  await row.getByRole('button', { name: 'shared' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('mine');
  const theirs = { ...body, comment: 'theirs' };
  const put = await page.request.put(`/api/v1/maintenance/${id}`, { data: theirs, headers });
  expect(put.status()).toBe(200);
  await dialog.getByRole('button', { name: 'Save window' }).click();
  await expect(dialog.getByRole('alert')).toContainText('admin changed this window meanwhile');
  await dialog.getByRole('button', { name: 'Show the newer one' }).click();
  await expect(dialog.getByRole('alert')).toBeHidden();
  const why = dialog.getByRole('textbox', { name: 'Why' });
  await expect(why).toHaveValue('theirs');
  await why.fill('both');
  await dialog.getByRole('button', { name: 'Save window' }).click();
  await expect(dialog).toBeHidden();
  await expect(row).toContainText('both');
  await row.getByRole('button', { name: 'End it' }).click();
  await row.getByRole('button', { name: 'End it for good' }).click();
  await expect(row).toHaveCount(0);
});

/** Not today and not tomorrow, whenever the test runs. */
function dayAfterNext(): string {
  const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  return days[(new Date().getUTCDay() + 2) % 7] ?? '';
}
