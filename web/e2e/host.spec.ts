import { expect, secondBrowser, test } from './fixtures';
import { HostScreen } from './hostPage';

const MARGIN_MS = 20_000;

test('follows the newest snapshots', async ({ watched: page, recorded }) => {
  const screen = new HostScreen(page);
  const top = page.waitForResponse((answer) => answer.url().includes('/processes/series') && answer.ok(), {
    timeout: 90_000,
  });
  await page.goto(`/hosts/${recorded.host}?range=5m`);
  await expect(screen.rows().first()).toBeVisible();
  await top;
  await expect(page.getByRole('group', { name: 'Charts of this host' }).locator('canvas')).toHaveCount(6);
  await expect(screen.panel.getByText('Now', { exact: true })).toBeVisible();
  const moment = screen.panel.getByText(/^\d\d:\d\d:\d\d$/);
  const first = await moment.innerText();
  await expect(moment).not.toHaveText(first, { timeout: 20_000 });
});

test('the table shows the instant under the crosshair', async ({ watched: page, recorded }) => {
  const { host, early, late } = recorded;
  const screen = new HostScreen(page);
  await screen.open(host, early - MARGIN_MS, late + MARGIN_MS);
  const moments: string[] = [];
  for (const ms of [early, late]) {
    const answer = screen.answer('at');
    await screen.hover(ms);
    const [busiest] = await answer;
    await expect(screen.panel.getByText('At', { exact: true })).toBeVisible();
    await expect
      .poll(async () => screen.firstRow())
      .toEqual({ pid: String(busiest?.pid), name: busiest?.name });
    moments.push(await screen.panel.getByText(/^\d\d:\d\d:\d\d$/).innerText());
  }
  expect(moments[0]).not.toBe(moments[1]);
});

test('in a low window the time under the crosshair stays on the axis, however far the charts are scrolled', async ({
  watched: page,
  recorded,
}) => {
  const { host, early, late } = recorded;
  await page.setViewportSize({ width: 1280, height: 600 });
  const screen = new HostScreen(page);
  await screen.open(host, early - MARGIN_MS, late + MARGIN_MS);
  const label = screen.overlay.getByText(/^\d\d:\d\d:\d\d$/);
  for (const end of [0, Number.MAX_SAFE_INTEGER]) {
    await screen.charts.evaluate((pane, top) => pane.scrollTo({ top }), end);
    await screen.hover((early + late) / 2);
    await expect(label).toBeInViewport({ ratio: 1 });
  }
  expect(await screen.charts.evaluate((pane) => pane.scrollTop)).toBeGreaterThan(0);
});

test('a click pins an instant, keys step through snapshots, Escape lets go', async ({
  watched: page,
  recorded,
}) => {
  const { host, times } = recorded;
  const at = times.at(-3) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 60_000);
  await screen.click(at);
  await expect(screen.panel.getByText('Pinned')).toBeVisible();
  // Two steps, since the pin may be the end of its bucket: from then on it is a snapshot's own time.
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => times.includes(screen.time('at'))).toBe(true);
  const before = screen.time('at');
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => screen.time('at')).toBe(times[times.indexOf(before) - 1]);
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => screen.time('at')).toBe(before);
  await page.keyboard.press('Escape');
  await expect.poll(() => screen.parameter('at')).toBeNull();
});

test('a drag shows totals of the range; zoom in, zoom out', async ({ watched: page, recorded }) => {
  const { host, early, late } = recorded;
  const screen = new HostScreen(page);
  await screen.open(host, early - MARGIN_MS, late + MARGIN_MS);
  const answer = screen.answer('from');
  await screen.drag(early, late);
  const [busiest] = await answer;
  await expect(screen.panel.getByText('Range', { exact: true })).toBeVisible();
  await expect(screen.table.getByRole('columnheader', { name: 'CPU time' })).toBeVisible();
  await expect
    .poll(async () => screen.firstRow())
    .toEqual({ pid: String(busiest?.pid), name: busiest?.name });
  const [from = '', to = ''] = (screen.parameter('selection') ?? '').split('/');
  expect(Date.parse(from)).toBeLessThanOrEqual(early);
  expect(Date.parse(to)).toBeGreaterThan(late - 1000);

  await page.keyboard.press('Enter');
  await expect.poll(() => screen.time('from')).toBe(Date.parse(from));
  expect(screen.time('to')).toBe(Date.parse(to));
  expect(screen.parameter('selection')).toBeNull();

  const length = screen.time('to') - screen.time('from');
  const middle = await screen.pointOf(screen.time('from') + length / 2);
  await page.mouse.dblclick(middle.x, middle.y);
  await expect.poll(() => screen.time('to') - screen.time('from')).toBe(length * 2);
  expect(screen.parameter('at'), 'a double click pins nothing').toBeNull();
  await page.goBack();
  await expect.poll(() => screen.time('to') - screen.time('from')).toBe(length);
});

test('a process draws its lines into the charts', async ({ watched: page, recorded }) => {
  const { host, times } = recorded;
  const at = times.at(-2) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 5000);
  await screen.click(at);
  await expect(screen.panel.getByText('Pinned')).toBeVisible();
  // The largest, since the busiest may have ended and have no memory any more.
  await screen.table.getByRole('button', { name: 'Memory', exact: true }).click();
  await expect.poll(() => screen.parameter('sort')).toBe('-memory');
  const { pid, name } = await screen.firstRow();
  const series = page.waitForResponse((response) => response.url().includes(`/processes/${pid}/`));
  await screen.rows().first().click();
  expect((await series).ok()).toBe(true);
  await expect(screen.panel.getByText('started')).toContainText('started');
  await expect(screen.panel.locator('strong')).toHaveText(name);
  expect(screen.parameter('process')).toContain(`${pid}@`);
  const charts = page.getByRole('group', { name: 'Charts of this host' });
  await expect(charts.locator('[data-track="cpu"]').getByText('process')).toBeVisible();
  await expect(charts.locator('[data-track="memory"] [data-process] dd')).toHaveText(/\d (B|KiB|MiB|GiB)$/);
  await page.getByRole('button', { name: 'Take its lines out of the charts' }).click();
  await expect(charts.locator('[data-process]')).toHaveCount(0);
});

test('filter, group and sort order', async ({ watched: page, recorded }) => {
  const { host, times } = recorded;
  const at = times.at(-2) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 5000);
  await screen.table.getByRole('button', { name: 'Memory', exact: true }).click();
  await expect.poll(() => screen.parameter('sort')).toBe('-memory');
  await screen.panel.getByText('User', { exact: true }).first().click();
  await expect.poll(() => screen.parameter('group')).toBe('user');
  await expect(screen.table.getByRole('columnheader', { name: 'Count' })).toBeVisible();
  // A group leads to its processes.
  await screen.table.getByRole('button', { name: 'Show the processes of root' }).click();
  await expect(page.getByLabel('Filter processes')).toHaveValue('user:root');
  const users = screen.rows().getByRole('cell').and(page.locator('[data-column="user"]'));
  await expect(users.first()).toHaveText('root');
  await page.keyboard.press('/');
  await page.getByLabel('Filter processes').fill('nothing-is-called-like-this');
  await expect(screen.panel.getByText('No process matches the filter.')).toBeVisible();
});

test('time without snapshots is hatched and says why', async ({ watched: page, history, recorded }) => {
  const { host } = recorded;
  const answer = await history.get(`/api/v1/hosts/${host}`);
  const { created } = (await answer.json()) as { created: string };
  const joined = Date.parse(created);
  await new HostScreen(page).open(host, joined - 600_000, joined + 60_000);
  await expect(page.getByTitle(/^Not recorded: agent or host was not running · /).first()).toBeAttached();
});

test('a link restores everything in another browser', async ({
  watched: page,
  browser,
  signedIn,
  recorded,
  baseURL,
}) => {
  const { host, times } = recorded;
  const at = times.at(-3) ?? 0;
  const screen = new HostScreen(page);
  await screen.open(host, at - 60_000, at + 20_000);
  await screen.click(at);
  await expect(screen.panel.getByText('Pinned')).toBeVisible();
  await screen.settled();
  await screen.table.getByRole('button', { name: 'Memory', exact: true }).click();
  await screen.rows().first().click();
  await expect.poll(() => screen.parameter('process')).not.toBeNull();
  await expect(page.locator('[data-track="cpu"] [data-process]')).toBeVisible();
  await page.getByLabel('Filter processes').fill('-user:nobody');
  await expect.poll(() => screen.parameter('filter')).toBe('-user:nobody');
  await page.mouse.move(5, 5);
  await screen.settled();
  const seen = await describe(screen);

  const other = await secondBrowser(browser, signedIn, baseURL ?? '');
  const restored = new HostScreen(other.page);
  await other.page.goto(page.url());
  await expect(restored.panel.getByText('Pinned')).toBeVisible();
  await expect.poll(async () => describe(restored)).toEqual(seen);
  expect(other.problems).toEqual([]);
  await other.page.context().close();
});

async function describe(screen: HostScreen): Promise<object> {
  const { page, panel, table } = screen;
  return {
    range: await page.getByRole('button', { name: /^Range of time/ }).getAttribute('aria-label'),
    moment: await panel
      .getByText(/^\d\d:\d\d:\d\d$/)
      .first()
      .innerText(),
    filter: await page.getByLabel('Filter processes').inputValue(),
    sort: await table.getByRole('columnheader', { name: 'Memory' }).getAttribute('aria-sort'),
    selected: await panel.locator('tr[data-selected]').first().innerText(),
    cpu: await page.locator('[data-track="cpu"]').innerText(),
    rows: await screen.rows().allInnerTexts(),
  };
}

test('a menu opens by Enter and gives the focus back at its end', async ({ watched: page, recorded }) => {
  const { host, early, late } = recorded;
  const screen = new HostScreen(page);
  await screen.open(host, early - MARGIN_MS, late + MARGIN_MS);
  // It is made the first time, and there the second.
  for (const key of ['Enter', ' ']) {
    const columns = page.getByRole('button', { name: 'Columns' });
    await expect(columns).toHaveAttribute('aria-expanded', 'false');
    await columns.focus();
    await page.keyboard.press(key);
    await expect(page.getByRole('menu')).toBeVisible();
    await expect(columns).toHaveAttribute('aria-expanded', 'true');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('menu')).toBeHidden();
    await expect(columns).toBeFocused();
  }
});
