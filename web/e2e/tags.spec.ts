import { expect, test, tolerate } from './fixtures';

test('a host is tagged where its tags stand, and the fleet goes by them', async ({
  watched: page,
  recorded,
}) => {
  const { host } = recorded;
  // Two values of one key are refused, which is what a part of this is about.
  tolerate(page, /\/tags$/);
  await page.goto('/');
  const table = page.getByRole('table', { name: 'Hosts of the fleet' });
  const row = table.getByRole('row').filter({ hasText: host }).first();
  const edit = row.getByRole('button', { name: `Tags of ${host}` });
  await edit.click();
  const field = page.getByRole('textbox', { name: `Tags of ${host}` });
  await field.fill('rack=7, rack=8');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('"rack" is there twice');
  await field.fill('canary rack=7');
  await field.press('Enter');
  await expect(field).toBeHidden();
  await expect(row).toContainText('rack=7');

  await page.getByLabel('Filter hosts').fill('-tag:canary');
  await expect(row).toHaveCount(0);
  await page.getByLabel('Filter hosts').fill('tag:rack=7');
  await expect(row).toBeVisible();
  await page.getByLabel('Group by').selectOption('Tag rack');
  await expect(page).toHaveURL(/group=tag%3Arack/);
  await expect(table.getByRole('rowheader', { name: '7' }).first()).toBeVisible();

  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog').getByRole('combobox');
  await palette.fill('rack=7');
  await expect(page.getByRole('listbox').getByRole('option', { selected: true })).toContainText(host);
  await palette.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/hosts/${host}`));
  // In the title of its page, too, where they are taken away again.
  const title = page.getByRole('button', { name: `Tags of ${host}` });
  await expect(title).toContainText('canary');
  await title.click();
  await field.fill('');
  await field.press('Enter');
  await expect(title).toHaveText(/\+ tag$/);
});
