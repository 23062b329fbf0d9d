/** The verdict panel: a small verdict in the page's own worker, and a stored report. */
import { readFile } from 'node:fs/promises';
import { VerdictReport } from '../../shared/contracts/verdict.ts';
import { expect, test } from './workbench-test.ts';

test('a verdict runs in the page, and its report can be kept and opened again', async ({
  page,
}) => {
  test.setTimeout(240_000);
  await page.goto('/');
  const panel = page.getByRole('region', { name: 'Verdict', exact: true });
  await panel.getByLabel('What to judge').selectOption('planted-effect');
  await panel.getByLabel('Seeds').fill('5');
  await expect(panel.getByRole('button', { name: 'Run the verdict' })).toBeDisabled();
  await panel.getByLabel('Seeds').fill('6');
  await panel.getByRole('button', { name: 'Run the verdict' }).click();
  await expect(panel.getByRole('meter', { name: 'Steps made' })).toBeVisible({ timeout: 60_000 });
  const answer = panel.getByText(/^It grew and it paid: \+\d/);
  await expect(answer).toBeVisible({ timeout: 200_000 });

  const download = page.waitForEvent('download');
  await panel.getByRole('link', { name: 'Report (JSON)' }).click();
  const path = await (await download).path();
  const report = VerdictReport.parse(JSON.parse(await readFile(path, 'utf8')));
  expect(report.comparisons[0]!.differences).toHaveLength(6);

  await page.reload();
  await panel.getByLabel('Open a report.json').setInputFiles({
    ...{ name: 'no.json', mimeType: 'application/json', buffer: Buffer.from('{"type":1}') },
  });
  await expect(panel.getByText(/^Cannot open the report: it is no verdict/)).toBeVisible();
  await panel.getByLabel('Open a report.json').setInputFiles(path);
  await expect(answer).toBeVisible();
});
