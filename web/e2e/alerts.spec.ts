import { expect, test } from './fixtures';
import { startHog } from './hog';

test('a busy loop raises an alert, which opens the host with the loop selected, and ends', async ({
  watched: page,
}) => {
  const hog = startHog();
  const { pid } = hog;
  try {
    await page.goto('/alerts');
    const now = page.getByRole('table', { name: 'Now' });
    const what = now.getByRole('button', { name: `tacho-busy ${pid} takes` });
    await expect(what).toBeVisible({ timeout: 20_000 });
    await expect(page.getByRole('link', { name: /^Alerts \d+$/ })).toBeVisible();

    await what.click();
    const culprits = page.getByRole('table', { name: 'Who used most when it fired' });
    await expect(culprits.getByRole('row').filter({ hasText: pid })).toContainText('tacho-busy');
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    const row = now.getByRole('row').filter({ hasText: `tacho-busy ${pid}` });
    await expect(row.first()).toContainText('acknowledged by admin');

    await row.first().getByRole('link').click();
    await expect(page).toHaveURL(new RegExp(`/hosts/.*process=${pid}@`));

    hog.stop();
    await page.goto('/alerts');
    const past = page.getByRole('table', { name: 'Over' });
    await expect(past.getByRole('row').filter({ hasText: `tacho-busy ${pid}` })).toBeVisible({
      timeout: 20_000,
    });
  } finally {
    hog.stop();
  }
});
