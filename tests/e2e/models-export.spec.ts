/** Another host chosen on the page, trained for some steps, and taken along in every format. */
import { readFile } from 'node:fs/promises';
import { expect, test } from './workbench-test.ts';

test('a transformer is chosen, trained and exported', async ({ dashboard, page }, testInfo) => {
  await dashboard.open();
  await page.getByLabel('Preset').selectOption({ label: 'Motifs (sequences)' });
  const host = page.getByRole('group', { name: 'Host network' });
  await expect(host.getByLabel('Kind', { exact: true })).toHaveValue('gpt');
  await host.getByLabel('Channels').fill('10');
  await expect(host.getByText('Must be a multiple of 4: four for each head')).toBeVisible();
  await host.getByLabel('Channels').fill('12');
  await dashboard.button('Train 10 steps').click();
  await expect(dashboard.status).toHaveText('Paused', { timeout: 60_000 });
  await expect(page.getByText('transformer.h.0.attn.c_attn').first()).toBeVisible();

  const endings = {
    ONNX: /\.onnx$/,
    Weights: /\.safetensors$/,
    Table: /\.csv$/,
    TensorBoard: /^events\.out\.tfevents\.\d+\.esper$/,
    'Whole run': /\.run\.json$/,
  };
  for (const [label, ending] of Object.entries(endings)) {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: label, exact: true }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(ending);
    const bytes = await readFile(await file.path());
    if (label === 'Weights') {
      const header = Number(bytes.readBigUInt64LE(0));
      const names = Object.keys(JSON.parse(bytes.subarray(8, 8 + header).toString()));
      expect(names).toContain('transformer.h.0.mlp.c_fc.weight');
    }
    if (label === 'ONNX') expect(bytes.toString('latin1')).toContain('LayerNormalization');
    if (label === 'Whole run')
      expect(JSON.parse(bytes.toString()).experiment.host.kind).toBe('gpt');
  }
  await host.getByLabel('Kind', { exact: true }).selectOption('resnet');
  await expect(host.getByLabel('Depth')).toHaveValue('8');
  await expect(host.getByText('Reads images, and these rows are none')).toBeVisible();
  const body = await page.screenshot({ fullPage: true });
  await testInfo.attach('page.png', { body, contentType: 'image/png' });
});
