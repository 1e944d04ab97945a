import { expect, test } from './fixtures';

/** One that no other test is about: were it left silenced, they would not notice. */
const RULE = 'raid-degraded';

test('a receiver is tried, and a silence changes who would be told', async ({ watched: page }) => {
  await page.goto('/receivers');
  const log = page.getByRole('table', { name: 'Receivers' }).getByRole('row').filter({ hasText: 'log' });
  await expect(log).toContainText('every alert');
  await page.getByRole('button', { name: 'Test log' }).click();
  await expect(page.getByRole('status', { name: 'Result of the test of log' })).toHaveText('It was taken.');

  const route = page.getByRole('region', { name: 'Who would be told' });
  await route.getByLabel('Rule').selectOption(RULE);
  await expect(route.getByRole('row').filter({ hasText: 'log' })).toContainText('is told');
  await expect(route).toContainText('Severity: critical.');

  await page.goto('/alerts');
  await page.getByRole('button', { name: 'New silence' }).click();
  const dialog = page.getByRole('dialog', { name: 'New silence' });
  const which = dialog.getByLabel('Which alerts');
  await which.fill(RULE);
  await expect(dialog).toContainText(`“${RULE}” is no label with a pattern`);
  await which.fill(`rule=${RULE}`);
  await dialog.getByLabel('Why').fill('because of the test');
  await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
  await expect(dialog).toBeHidden();
  const silenced = page.getByRole('table', { name: 'Silences' }).getByRole('row').filter({ hasText: RULE });
  await expect(silenced).toContainText('because of the test');

  await page.goto('/receivers');
  await route.getByLabel('Rule').selectOption(RULE);
  await expect(route).toContainText('Nobody is told now: it is silenced.');

  await page.goto('/alerts');
  await silenced.getByRole('button', { name: 'End it' }).click();
  await silenced.getByRole('button', { name: 'End it now' }).click();
  await expect(page.getByText('Nothing is silenced.')).toBeVisible();
});
