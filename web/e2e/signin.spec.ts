import { PASSWORD, USER, expect, test, tolerate, watch } from './fixtures';

test('a stranger signs in, and comes to the address that was asked for', async ({
  page,
  baseURL,
  recorded,
}) => {
  // Being told that a password is wrong is an error to the browser, whatever the page makes of it.
  tolerate(page, /\/api\/v1\/session$/);
  const problems = watch(page, baseURL ?? '');
  await page.goto(`/hosts/${recorded.host}?range=15m`);
  await page.getByLabel('User').fill(USER);
  await page.getByLabel('Password', { exact: true }).fill(`${PASSWORD}x`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('User or password is wrong.')).toBeVisible();

  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: recorded.host })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Range of time: Last 15m' })).toBeVisible();

  await page.getByRole('button', { name: `Signed in as ${USER}` }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  expect(problems).toEqual([]);
});
