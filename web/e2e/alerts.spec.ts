import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from './fixtures';

/** A busy loop under a name that a rule of the tests knows. */
function startHog(directory: string): ChildProcess {
  const program = join(directory, 'tacho-busy');
  copyFileSync(realpathSync('/bin/sh'), program);
  chmodSync(program, 0o755);
  return spawn(program, ['-c', 'while :; do :; done'], { stdio: 'ignore' });
}

test('a busy loop raises an alert, which opens the host with the loop selected, and ends', async ({
  watched: page,
}) => {
  const directory = mkdtempSync(join(tmpdir(), 'tacho-alerts-'));
  const hog = startHog(directory);
  try {
    const pid = String(hog.pid);
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

    hog.kill('SIGKILL');
    await page.goto('/alerts');
    const past = page.getByRole('table', { name: 'Of the last day' });
    await expect(past.getByRole('row').filter({ hasText: `tacho-busy ${pid}` })).toBeVisible({
      timeout: 20_000,
    });
  } finally {
    hog.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});
