import { expect, test } from './fixtures';

/** What the server says of a host whose identity two machines share; the rest of its answer stays. */
const CONFLICT = {
  address: '10.0.0.7',
  host_name: 'copy',
  connected_address: '10.0.0.5',
  connected_host_name: 'web',
  since: '2026-11-21T10:00:00.000Z',
  last: '2026-11-21T10:05:00.000Z',
};

test('names both machines that share an identity, until it is settled', async ({
  watched: page,
  recorded,
}) => {
  let conflict: typeof CONFLICT | null = CONFLICT;
  await page.route(`**/api/v1/hosts/${recorded.host}`, async (route) => {
    const response = await route.fetch();
    const host = (await response.json()) as object;
    await route.fulfill({ response, json: { ...host, conflict } });
  });
  await page.goto(`/hosts/${recorded.host}?range=5m`);
  const banner = page.getByRole('alert').filter({ hasText: 'Two machines share this identity.' });
  await expect(banner).toContainText('web (10.0.0.5) is connected, copy (10.0.0.7) tries to be.', {
    timeout: 30_000,
  });
  await expect(banner).toContainText('join it with a token of its own');

  conflict = null;
  await page.reload();
  await expect(page.getByRole('table', { name: 'Processes' })).toBeVisible();
  await expect(banner).toHaveCount(0);
  await page.unrouteAll({ behavior: 'wait' });
});

test('names the one machine that is not the one that joined', async ({ watched: page, recorded }) => {
  await page.route(`**/api/v1/hosts/${recorded.host}`, async (route) => {
    const response = await route.fetch();
    const host = (await response.json()) as object;
    const conflict = { ...CONFLICT, connected_address: null, connected_host_name: null };
    await route.fulfill({ response, json: { ...host, conflict } });
  });
  await page.goto(`/hosts/${recorded.host}?range=5m`);
  await expect(page.getByRole('alert').filter({ hasText: 'Two machines' })).toContainText(
    'copy (10.0.0.7) is not the machine that joined.',
    { timeout: 30_000 },
  );
  await page.unrouteAll({ behavior: 'wait' });
});
