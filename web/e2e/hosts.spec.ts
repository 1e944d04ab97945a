import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { APIRequestContext } from '@playwright/test';

import { expect, test } from './fixtures';

/** Joins a host that never sends anything, and tells what it is called. */
async function joinSpare(history: APIRequestContext, directory: string): Promise<string> {
  const answer = await history.post('/api/v1/tokens', {
    data: { kind: 'join', uses: 1 },
    headers: { 'X-Tacho-Request': '1' },
  });
  const { token } = (await answer.json()) as { token: string };
  const known = await names(history);
  execFileSync(
    join(process.env.TACHO_BIN ?? '', 'tacho-agent'),
    ['join', process.env.TACHO_LISTEN ?? '', token],
    { env: { TACHO_AGENT_DATA_DIR: directory, TACHO_AGENT_RUNTIME_DIR: join(directory, 'run') } },
  );
  return (await names(history)).find((name) => !known.includes(name)) ?? '';
}

async function names(history: APIRequestContext): Promise<string[]> {
  const answer = (await (await history.get('/api/v1/hosts')).json()) as { hosts: { name: string }[] };
  return answer.hosts.map(({ name }) => name);
}

test('a host is renamed, and removed after all that comes of it was said', async ({
  watched: page,
  history,
}) => {
  const directory = mkdtempSync(join(tmpdir(), 'tacho-spare-'));
  try {
    const spare = await joinSpare(history, directory);
    await page.goto('/');
    const table = page.getByRole('table', { name: 'Hosts of the fleet' });
    await table.getByRole('button', { name: `Rename, tag or remove ${spare}` }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('spare-part');
    await dialog.getByRole('button', { name: 'Rename' }).click();
    await expect(dialog).toBeHidden();
    const row = table.getByRole('row').filter({ hasText: 'spare-part' });
    await expect(row).toContainText('never seen');

    await row.getByRole('button', { name: 'Rename, tag or remove spare-part' }).click();
    await expect(dialog).toContainText('SQL still finds it');
    await dialog.getByRole('button', { name: 'Remove spare-part' }).click();
    await expect(row).toHaveCount(1);
    await dialog.getByRole('button', { name: 'Yes, remove spare-part now' }).click();
    await expect(dialog).toBeHidden();
    await expect(row).toHaveCount(0);
    expect(await names(history)).not.toContain('spare-part');

    await page.goto('/about');
    const noted = page.getByRole('table', { name: 'Who changed what' });
    await expect(noted.getByRole('row').filter({ hasText: 'removed the host' }).first()).toContainText(
      'spare-part',
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
