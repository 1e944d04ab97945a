import { expect, test } from './fixtures';
import { HostScreen } from './hostPage';

test('the palette finds a host, a page, an action, and a process of the table', async ({
  watched: page,
  recorded,
}) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Fleet' })).toBeVisible();
  const palette = page.getByRole('combobox', { name: 'Find a page, host, process or action' });
  await page.keyboard.press('Control+k');
  await palette.fill(recorded.host);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/hosts/${recorded.host}$`));

  const screen = new HostScreen(page);
  await expect(screen.rows().first()).toBeVisible();
  await page.keyboard.press('Control+k');
  await palette.fill('tacho-server');
  await page
    .getByRole('option', { name: /^tacho-server \d+/ })
    .first()
    .click();
  await expect(page.getByRole('heading', { name: 'tacho-server' })).toBeVisible();

  await page.keyboard.press('Control+k');
  await palette.fill('storage');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Storage' })).toBeVisible();
  await page.keyboard.press('Control+k');
  await palette.fill('high contrast');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-contrast', '');
});

test("a process's own page shows its lines, its parent and its children", async ({
  watched: page,
  recorded,
}) => {
  const { host, times } = recorded;
  const at = times.at(-2) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 5000, '&filter=name:tacho-server');
  await screen.rows().first().click();
  await page.getByRole('link', { name: 'Open', exact: true }).click();
  await expect(page).toHaveURL(/\/processes\/\d+\/.+from=/);
  await expect(page.getByRole('heading', { name: 'tacho-server' })).toBeVisible();
  await expect(page.locator('canvas')).toHaveCount(5);
  const used = page.getByRole('region', { name: 'Used in the range shown' });
  await expect(used.getByText(/^\d+(\.\d+)?s$/).first()).toBeVisible();
  const about = page.getByRole('region', { name: 'About this process' });
  await expect(about.getByText('run --config')).toBeVisible();
  await page.getByRole('button', { name: 'Ask now' }).click();
  const files = page.getByRole('table', { name: 'Open files' });
  await expect(files.getByText('catalog.sqlite', { exact: false }).first()).toBeVisible();
  await page.getByRole('searchbox', { name: 'Filter open files' }).fill('listen');
  await expect(files.getByText('catalog.sqlite', { exact: false })).toHaveCount(0);
  await expect(files.getByText(/^tcp .+ listen$/).first()).toBeVisible();
  await page.getByRole('link', { name: host }).click();
  await expect.poll(() => screen.parameter('process')).not.toBeNull();
});

test('time: undo, jump, comparison, lines alone, numbers of the view', async ({
  watched: page,
  recorded,
}) => {
  const { host, early, late } = recorded;
  const screen = new HostScreen(page);
  await screen.open(host, early - 20_000, late + 20_000);
  const range = [screen.parameter('from'), screen.parameter('to')];
  await page.keyboard.press('-');
  await page.keyboard.press('[');
  await expect.poll(() => screen.parameter('from')).not.toBe(range[0]);
  await page.keyboard.press('u');
  await page.keyboard.press('u');
  await expect.poll(() => [screen.parameter('from'), screen.parameter('to')]).toEqual(range);

  await page.keyboard.press('Shift+J');
  await page.getByLabel('How far, or where to').fill(new Date(early).toISOString());
  await page.keyboard.press('Enter');
  await expect.poll(() => screen.time('at')).toBe(early);
  await page.keyboard.press('t');
  await expect.poll(() => screen.time('at')).toBeGreaterThan(early);
  await page.keyboard.press('Shift+T');
  await expect.poll(() => screen.time('at')).toBe(early);

  const before = page.waitForRequest((request) => {
    const { searchParams: query } = new URL(request.url());
    return Math.abs(Date.parse(query.get('to') ?? '') - (screen.time('to') - 86_400_000)) < 60_000;
  });
  await page.keyboard.press('c');
  await before;
  await expect.poll(() => screen.parameter('compare')).toBe('1d');

  const cpu = page.locator('[data-track="cpu"]');
  await cpu.getByRole('button', { name: 'system' }).click();
  await expect.poll(() => screen.parameter('only')).toBe('cpu.system');
  await expect(cpu.getByRole('button', { name: 'system' })).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('m');
  await expect(cpu.getByRole('columnheader', { name: 'Mean' })).toBeAttached();
  await expect(cpu.getByRole('row').filter({ hasText: 'system' }).getByRole('cell').last()).toHaveText(/%$/);
});

test('a tree, a search with or and not, and chosen columns that stay', async ({
  watched: page,
  recorded,
}) => {
  const { host, times } = recorded;
  const at = times.at(-2) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 5000, '&filter=name:tacho-agent+or+name:tacho-server');
  // A machine may run others of that name.
  const names = screen.rows().locator('button');
  await expect(names.filter({ hasText: 'tacho-agent' }).first()).toBeVisible();
  const found = await names.allInnerTexts();
  expect(found.filter((name) => name !== 'tacho-agent' && name !== 'tacho-server')).toEqual([]);
  expect(found).toContain('tacho-server');
  await screen.panel.getByText('Tree', { exact: true }).click();
  await expect.poll(() => screen.parameter('group')).toBe('tree');
  // Those above them are there, too.
  await expect(names.filter({ hasNotText: /^tacho-/ }).first()).toBeVisible();
  await expect(names.filter({ hasText: 'tacho-server' }).first()).toBeVisible();
  await page.getByLabel('Filter processes').fill('memory>1m -(name:tacho-agent or name:tacho-server)');
  await expect(names.filter({ hasText: 'tacho-server' })).toHaveCount(0);

  await screen.panel.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Parent' }).click();
  await page.keyboard.press('Escape');
  await expect(screen.table.getByRole('columnheader', { name: 'Parent' })).toBeVisible();
  await page.reload();
  await expect(screen.table.getByRole('columnheader', { name: 'Parent' })).toBeVisible();
});

test('in Chinese, by choice and by what the browser prefers', async ({
  watched: page,
  recorded,
  browser,
  signedIn,
  baseURL,
}) => {
  await page.goto(`/hosts/${recorded.host}`);
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  await page.getByRole('menuitemradio', { name: '中文' }).click();
  await expect(page.getByRole('region', { name: '进程' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh');
  await expect(page.getByRole('button', { name: '时间范围: 最近 30 分钟' })).toBeVisible();

  const context = await browser.newContext({
    locale: 'zh-CN',
    storageState: signedIn,
    ...(baseURL === undefined ? {} : { baseURL }),
  });
  const other = await context.newPage();
  await other.goto('/');
  await expect(other.getByRole('heading', { name: '主机群' })).toBeVisible();
  await context.close();
});

test('the zone that times are shown in', async ({ watched: page, recorded }) => {
  const { host, times } = recorded;
  const at = times.at(-2) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 5000);
  const label = page.getByRole('button', { name: /^Range of time/ });
  const hour = new Date(at - 60_000).getUTCHours();
  await expect(label).toHaveText(new RegExp(`\\b${String(hour).padStart(2, '0')}:\\d\\d:\\d\\d`));
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /^Find/ }).fill('Asia/Tokyo');
  await page.keyboard.press('Enter');
  const wall = new Date(at - 60_000 + 9 * 3_600_000).toISOString().slice(11, 19);
  await expect(label).toContainText(wall);
});

test('users and tokens are made and taken away; what runs is told', async ({ watched: page }) => {
  await page.goto('/access');
  const name = `e2e-${String(Date.now())}`;
  await page.getByRole('button', { name: 'Add a user' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a user' });
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Password', { exact: true }).fill('long enough');
  await dialog.getByRole('button', { name: 'Add a user' }).click();
  const row = page.getByRole('table', { name: 'Users' }).getByRole('row').filter({ hasText: name });
  await expect(row).toBeVisible();
  await row.getByRole('button', { name: 'Remove' }).click();
  await row.getByRole('button', { name: `Remove ${name}` }).click();
  await expect(row).toHaveCount(0);

  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = page.getByRole('dialog', { name: 'Make a token' });
  await token.getByLabel('Note').fill(name);
  await token.getByRole('button', { name: 'Make a token' }).click();
  await expect(token.getByText('This is the token')).toBeVisible();
  await token.getByRole('button', { name: 'Close' }).last().click();
  const made = page.getByRole('table', { name: 'Tokens' }).getByRole('row').filter({ hasText: name });
  await made.getByRole('button', { name: 'Revoke' }).click();
  await made.getByRole('button', { name: 'Revoke now' }).click();
  await expect(made).toContainText('revoked');

  await page.goto('/about');
  await expect(page.getByRole('table', { name: 'Versions' }).getByText('Server')).toBeVisible();
  await expect(page.getByRole('table', { name: 'History' })).toBeVisible();
});
