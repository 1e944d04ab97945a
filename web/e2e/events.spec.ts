import { expect, test } from './fixtures';

test('a deploy that a pipeline tells of is among the events and on the axis', async ({
  watched: page,
  recorded,
  playwright,
  baseURL,
}) => {
  const { host } = recorded;
  const text = `shop ${String(Date.now())}`;
  await page.goto('/events?kind=deploy');
  await expect(page.getByRole('heading', { name: 'Events' })).toBeVisible();
  const pipeline = await playwright.request.newContext({
    ...(baseURL === undefined ? {} : { baseURL }),
    ignoreHTTPSErrors: true,
    extraHTTPHeaders: { Authorization: `Bearer ${process.env.TACHO_TOKEN ?? ''}` },
  });
  const told = await pipeline.post('/api/v1/events', { data: { kind: 'deploy', text, host } });
  expect(told.status(), await told.text()).toBe(201);
  await pipeline.dispose();

  // It comes by itself.
  const row = page.getByRole('table', { name: 'Events' }).getByRole('row').filter({ hasText: text });
  await expect(row).toContainText('Deploy');
  await page.getByLabel('Filter events').fill('nothing is called so');
  await expect(page.getByText('Nothing happened')).toBeVisible();
  await page.getByLabel('Filter events').fill(`host:${host} ${text.toUpperCase()}`);
  await expect(row).toBeVisible();
  // The agent told of its own start.
  await page.goto(`/events?filter=host:${host}`);
  const started = page.getByRole('row').filter({ hasText: /tacho-agent .* started/ });
  await expect(started.first()).toBeVisible();

  await row.getByRole('link', { name: host }).click();
  await expect(page).toHaveURL(/at=/);
  const marks = page.getByRole('group', { name: 'Events and alerts' });
  await expect(marks.getByRole('button', { name: text })).toBeVisible();
});
