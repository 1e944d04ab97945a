import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

import type { APIRequestContext } from '@playwright/test';

import { expect, test, tolerate } from './fixtures';

/** Where `scripts/test` has the pair and the programs; elsewhere nothing can be started beside the server. */
const { TACHO_DATA: data, TACHO_BIN: bin } = process.env;
const canStart = data !== undefined && bin !== undefined && existsSync(join(bin, 'tacho-sql'));

const ask = (history: APIRequestContext, query: string): ReturnType<APIRequestContext['post']> =>
  history.post('/api/v1/sql', { data: { query }, headers: { 'X-Tacho-Request': '1' } });

const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => done(port));
    });
  });

/** Starts tacho-sql beside the server, which stops it with the rest of the pair. */
async function startSql(history: APIRequestContext): Promise<void> {
  if ((await ask(history, 'SELECT 1')).ok()) return;
  execFileSync(resolve('../scripts/run-sql'), ['--detach', '--no-build'], {
    env: { ...process.env, DATA: data, BIN: bin, SQL: `127.0.0.1:${String(await freePort())}` },
    stdio: 'ignore',
    timeout: 90_000,
  });
  await expect
    .poll(async () => (await ask(history, 'SELECT 1')).status(), {
      message: 'tacho-sql answers',
      timeout: 60_000,
    })
    .toBe(200);
}

test('without tacho-sql the page says so, and how to start it', async ({ watched: page, history }) => {
  test.skip((await ask(history, 'SELECT 1')).ok(), 'tacho-sql runs beside this server');
  tolerate(page, /\/api\/v1\/sql$/);
  await page.goto('/sql?q=SELECT+1');
  const editor = page.getByRole('textbox', { name: 'Query' });
  await expect(editor).toHaveText('SELECT 1');
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByText('SQL is not running on the server')).toBeVisible();
  await expect(page.getByText('systemctl enable --now tacho-sql')).toBeVisible();
  // Tables and columns are known all the same.
  await page.getByText('Tables', { exact: true }).click();
  await expect(page.getByRole('group').filter({ hasText: /^filesystem/ })).toHaveCount(1);
});

test('a query: completed, run, as table and chart, saved, in the history, downloaded, and as a link', async ({
  watched: page,
  history,
  recorded,
}) => {
  test.skip(!canStart, 'only scripts/test starts tacho-sql');
  test.setTimeout(240_000);
  await startSql(history);
  await page.goto('/sql');
  const editor = page.getByRole('textbox', { name: 'Query' });
  await editor.click();
  await page.keyboard.type('SELECT host, max(load1) AS load FROM ho');
  await page.keyboard.press('Control+Space');
  const completion = page.getByRole('option', { name: 'host', exact: true }).first();
  await completion.click();
  await page.keyboard.type(' GROUP BY host');
  await page.keyboard.press('Control+Enter');
  const result = page.getByRole('table', { name: 'Result' });
  await expect(result.getByRole('columnheader')).toHaveText(['host', 'load'], { timeout: 60_000 });
  await expect(result.getByRole('link', { name: recorded.host })).toBeVisible();
  await expect(page).toHaveURL(/\/sql\?q=SELECT\+host/);

  await page.getByText('Chart', { exact: true }).click();
  await expect(page.getByRole('table', { name: 'load by name' })).toContainText(recorded.host);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Loads');
  await page.keyboard.press('Enter');

  for (const [format, start] of [
    ['CSV', 'host,load\n'],
    ['JSON', '{"columns"'],
    ['Parquet', 'PAR1'],
  ] as const) {
    await page.getByRole('button', { name: 'Download' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: format, exact: true }).click();
    const file = await (await download).path();
    expect(readFileSync(file, 'latin1').slice(0, start.length)).toBe(start);
  }

  // What is kept is there when the page is opened again, by itself and through the link.
  const link = page.url();
  await page.goto('/sql');
  await page.getByRole('button', { name: 'Loads', exact: true }).click();
  await expect(editor).toHaveText(/GROUP BY host/);
  await page.goto(link);
  await expect(editor).toHaveText(/GROUP BY host/);
  const lists = page.getByRole('complementary', { name: 'Queries and tables' });
  await expect(lists.getByRole('button', { name: /^SELECT host, max/ })).toBeVisible();
});

test('a query that takes long is cancelled, and one that is wrong says what is wrong', async ({
  watched: page,
  history,
}) => {
  test.skip(!canStart, 'only scripts/test starts tacho-sql');
  test.setTimeout(240_000);
  await startSql(history);
  const endless = 'SELECT count(*) FROM generate_series(1,1000000) a, generate_series(1,1000000) b';
  await page.goto(`/sql?q=${encodeURIComponent(endless)}`);
  await expect(page.getByRole('textbox', { name: 'Query' })).toHaveText(endless);
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByText('It runs')).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText('It was cancelled')).toBeVisible();

  tolerate(page, /\/api\/v1\/sql$/);
  await page.goto('/sql?q=SELECT+nothing+FROM+host');
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'nothing' })).toBeVisible({ timeout: 60_000 });
});
