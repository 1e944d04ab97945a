import { expect, test } from './fixtures';

const RULE = (limit: string): string => `[[rule]]\nname = "made-by-a-test"\nwhen = "host.load1 > ${limit}"\n`;

test('a rule is written, put right, switched off, removed, and its history told', async ({
  watched: page,
}) => {
  await page.goto('/alerts');
  const rules = page.getByRole('table', { name: 'Rules' });
  await page.getByRole('button', { name: 'New rule' }).click();
  const dialog = page.getByRole('dialog', { name: 'New rule' });
  await dialog.getByLabel('Begin with').selectOption('process_watch');
  const text = dialog.getByLabel('Text of the rule (TOML)');
  await expect(text).toHaveValue(/postgresql/);
  await text.fill(RULE('much'));
  const problems = dialog.getByRole('status', { name: 'What is wrong with it' });
  await expect(problems).toContainText('line 3');
  await expect(dialog.getByRole('button', { name: 'Save rule' })).toBeDisabled();
  await text.fill(RULE('5000'));
  await expect(problems).toBeEmpty();
  await dialog.getByLabel('Why (for the history)').fill('because of the test');
  await dialog.getByRole('button', { name: 'Save rule' }).click();
  await expect(dialog).toBeHidden();

  const row = rules.getByRole('row').filter({ hasText: 'made-by-a-test' });
  await expect(row).toContainText('made here');
  await row.getByRole('button', { name: 'Switch off' }).click();
  await expect(row.getByRole('button', { name: 'Switch on' })).toBeVisible();
  await row.getByRole('button', { name: 'Remove' }).click();
  await row.getByRole('button', { name: 'Remove it now' }).click();
  await expect(row).toHaveCount(0);

  await page.getByText('Who changed which rule').click();
  const history = page.getByRole('table', { name: 'Who changed which rule' });
  const changes = history.getByRole('row').filter({ hasText: 'made-by-a-test' });
  await expect(changes).toHaveCount(3);
  await expect(changes.last()).toContainText('because of the test');
  await expect(changes.first()).toContainText('removed it');
});
