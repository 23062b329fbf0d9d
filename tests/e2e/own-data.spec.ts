/** A person's own table, chosen or dropped on the page. */
import type { Page } from '@playwright/test';
import { expect, test } from './workbench-test.ts';

const ROWS = Array.from({ length: 120 }, (_, i) => {
  const angle = (i / 120) * 2 * Math.PI;
  return `${Math.cos(angle).toFixed(4)},${Math.sin(angle).toFixed(4)},${i < 60 ? 'north' : 'south'}`;
});

async function choose(page: Page, name: string, lines: readonly string[]): Promise<void> {
  await page.getByLabel('Own data, a CSV file, or an experiment file').setInputFiles({
    name,
    mimeType: 'text/csv',
    buffer: Buffer.from(`${lines.join('\n')}\n`),
  });
}

test('trains on a dropped CSV file and finds it again after a reload', async ({
  dashboard,
  page,
}) => {
  await dashboard.open();
  const transfer = await page.evaluateHandle(
    (text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], 'compass.csv', { type: 'text/csv' }));
      return data;
    },
    `x,y,side\n${ROWS.join('\n')}\n`,
  );
  await page
    .getByText('Drop your own CSV')
    .dispatchEvent('drop', { dataTransfer: transfer as unknown as object });
  await expect(dashboard.messages).toContainText('compass.csv is the data now');
  await page.getByLabel('Batch', { exact: true }).fill('16');
  await page.getByLabel('Steps', { exact: true }).fill('150');
  await dashboard.start.click();
  const { testAccuracy } = await dashboard.waitForEnd();
  expect(testAccuracy).toBeGreaterThan(0.9);
  await expect(page.getByRole('figure').filter({ hasText: 'north' })).toContainText('south');
  await page.reload();
  await expect(dashboard.status).toHaveText('Finished');
});

test('names file and line of a ragged CSV and lets the person go on', async ({
  dashboard,
  page,
}) => {
  await dashboard.open();
  await choose(page, 'ragged.csv', ['x,y,side', ...ROWS.slice(0, 5), '0.5,north', ...ROWS]);
  await page.getByLabel('Batch', { exact: true }).fill('16');
  await dashboard.start.click();
  await expect(dashboard.notices).toContainText('Cannot read ragged.csv:7: 2 columns, expected 3');
  await expect(dashboard.status).toHaveText('Failed');
  await choose(page, 'whole.csv', ['x,y,side', ...ROWS]);
  await dashboard.button('Start again').click();
  await dashboard.waitForStep(1);
  await expect(dashboard.status).toHaveText('Training');
});

test('names file, line and value of a number that is none', async ({ dashboard, page }) => {
  await dashboard.open();
  await choose(page, 'nan.csv', ['x,y,side', ...ROWS.slice(0, 3), 'NaN,0.5,north', ...ROWS]);
  await page.getByLabel('Batch', { exact: true }).fill('16');
  await dashboard.start.click();
  await expect(dashboard.notices).toContainText('Cannot read nan.csv:5, column "x": "NaN" is not');
});

test('opens an experiment file with a host of layers, and trains it', async ({
  dashboard,
  page,
}, info) => {
  await dashboard.open();
  const field = page.getByLabel('Own data, a CSV file, or an experiment file');
  const host = {
    kind: 'layers',
    layers: [
      { kind: 'linear', name: 'first', units: 8 },
      { kind: 'activation', activation: 'tanh' },
      { kind: 'linear', units: 'classes' },
    ],
  };
  const data = { source: 'csv', train: 'mine/compass.csv', label: 'side' };
  const experiment = { name: 'mine', steps: 150, batchSize: 16, data, host };
  const json = (value: object) => ({
    name: 'mine.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(value)),
  });
  await field.setInputFiles(
    json({ ...experiment, host: { ...host, layers: [{ kind: 'linaer' }] } }),
  );
  await expect(dashboard.messages).toContainText('did you mean "linear"?');
  await field.setInputFiles(json(experiment));
  await expect(dashboard.messages).toContainText('The settings are those of mine.json now');
  await expect(page.getByText('This experiment reads compass.csv')).toBeVisible();
  await page.getByText('3 layers').click();
  await expect(page.getByLabel('Layers of the host')).toContainText('linear first: 8');
  await choose(page, 'compass.csv', ['x,y,side', ...ROWS]);
  await expect(dashboard.messages).toContainText('compass.csv is there now');
  await info.attach('page.png', { body: await page.screenshot(), contentType: 'image/png' });
  await dashboard.start.click();
  const { testAccuracy } = await dashboard.waitForEnd();
  expect(testAccuracy).toBeGreaterThan(0.9);
  await expect(dashboard.slot('first')).toBeVisible();
});
