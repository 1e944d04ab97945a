import { expect, test, tolerate } from './fixtures';
import { HostScreen } from './hostPage';

test('help, theme and an address with nothing behind it', async ({ watched: page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Fleet' })).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard and mouse' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  const root = page.locator('html');
  await expect(root).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.keyboard.press('d');
  await expect(root).toHaveAttribute('data-mantine-color-scheme', 'light');
  await page.reload();
  await expect(root).toHaveAttribute('data-mantine-color-scheme', 'light');

  await page.goto('/nothing/here');
  await page.getByRole('button', { name: 'Go to the fleet' }).click();
  await expect(page.getByRole('heading', { name: 'Fleet' })).toBeVisible();

  tolerate(page, /\/api\/v1\/(hosts\/no-such-host|live)/);
  await page.goto('/hosts/no-such-host');
  await expect(page.getByText('There is no host “no-such-host”')).toBeVisible();
});

test('on a phone no page is wider than the screen', async ({ watched: page }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const path of ['/', '/alerts', '/access', '/events', '/receivers', '/storage', '/about']) {
    await page.goto(path);
    await expect(page.getByRole('heading').first()).toBeVisible();
    await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
  }
});

test('says so when the server is gone, and goes on when it is back', async ({ watched: page, recorded }) => {
  // Code that the page fetches ahead may be on its way when the server goes.
  tolerate(page, /\/api\/v1\/|\/assets\//);
  await page.goto(`/hosts/${recorded.host}?range=5m`);
  await expect(page.getByRole('status').filter({ hasText: 'Live' })).toBeVisible();
  await page.context().setOffline(true);
  await expect(page.getByRole('status').filter({ hasText: 'Offline' })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole('table', { name: 'Processes' })).toBeVisible();
  await page.context().setOffline(false);
  await expect(page.getByRole('status').filter({ hasText: 'Live' })).toBeVisible({ timeout: 30_000 });
});

test('what the page asks before it is drawn is what it needs: nothing is asked twice', async ({
  watched: page,
  recorded: { host, early, late },
}) => {
  const screen = new HostScreen(page);
  // From then on the browser knows that somebody is signed in.
  await screen.open(host, early - 20_000, late + 20_000);
  const asked: string[] = [];
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    const what = pathname.replace(/^.*\/hosts\/[^/]+\//, '');
    if (/^(series|gaps|processes|processes\/series)$/.test(what)) {
      asked.push([what, searchParams.get('table') ?? ''].join(' ').trim());
    }
  });
  await screen.open(host, early - 20_000, late + 20_000);
  await expect(page.locator('[data-track="top"] canvas')).toBeVisible();
  await screen.settled();
  expect(asked.toSorted()).toEqual(['gaps', 'processes', 'processes/series', 'series host']);
});
