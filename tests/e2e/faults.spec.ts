/** What goes wrong in a browser: no WebGPU, a crashed GPU process, full and damaged storage. */
import { existsSync } from 'node:fs';
import { chromium } from '@playwright/test';
import { BASE_ARGUMENTS, CHROMIUM } from './browser.ts';
import { DashboardPage } from './dashboard-page.ts';
import { GROWING, MANUAL } from './experiments.ts';
import { damageStoredBlob, fillStorage } from './stored-blobs.ts';
import { expect, test } from './workbench-test.ts';

test('without WebGPU the reference engine trains and says why', async ({ server }) => {
  const browser = await chromium.launch({
    ...(existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {}),
    args: BASE_ARGUMENTS,
  });
  try {
    const page = await browser.newPage({ baseURL: server.url });
    const dashboard = new DashboardPage(page);
    await dashboard.open({ ...GROWING, steps: 60 });
    await expect(page.getByTestId('adapter')).toContainText('No WebGPU');
    await expect(dashboard.notices).toContainText('slow, but everything works');
    await dashboard.start.click();
    const { steps, testAccuracy } = await dashboard.waitForEnd();
    expect(steps).toBe(60);
    expect(testAccuracy).toBeGreaterThan(0.6);
  } finally {
    await browser.close();
  }
});

test('a crashed GPU process costs at most what was not saved', async ({ dashboard, browser }) => {
  test.slow();
  await dashboard.open(GROWING);
  await dashboard.start.click();
  const calm = await dashboard.waitForEnd();
  await dashboard.button('Reset').click();
  await dashboard.setSpeed(3);
  await dashboard.button('Continue').click();
  await dashboard.waitForStep(200);
  const client = await browser.newBrowserCDPSession();
  // Chromium answers this command only when its GPU process is back.
  await client.send('Browser.crashGpuProcess').catch(() => undefined);
  await client.detach();
  await expect(dashboard.messages).toContainText(/Going on from step \d+/, { timeout: 20_000 });
  await expect(dashboard.status).toHaveText('Training');
  expect((await dashboard.waitForEnd()).digest).toBe(calm.digest);
});

test('when storage fills up the run goes on and says what is not kept', async ({
  dashboard,
  page,
  server,
}) => {
  const client = await page.context().newCDPSession(page);
  const quotaSize = 8 * 2 ** 20;
  await client.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize });
  await dashboard.open(MANUAL);
  await dashboard.setSpeed(3);
  await dashboard.start.click();
  await dashboard.waitForStep(160);
  await expect(dashboard.notices).toBeHidden();
  await fillStorage(page);
  await expect(dashboard.notices).toContainText('no room left for checkpoints', {
    timeout: 20_000,
  });
  await expect(dashboard.notices).toContainText(/Cannot store .*storage is full/);
  const then = await dashboard.step();
  await dashboard.waitForStep(then + 100, 20_000);
  await expect(dashboard.status).toHaveText('Training');
  // What was saved before is still there.
  await page.reload();
  await expect.poll(() => dashboard.step(), { timeout: 20_000 }).toBeGreaterThanOrEqual(150);
});

test('with no storage at all a run starts and goes on', async ({ dashboard, page, server }) => {
  const client = await page.context().newCDPSession(page);
  await client.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: 1 });
  await dashboard.open({ ...GROWING, steps: 100 });
  await dashboard.start.click();
  await expect(dashboard.notices).toContainText('no room left for checkpoints');
  await expect(dashboard.status).toHaveText('Finished', { timeout: 30_000 });
});

test('a damaged checkpoint is named and the one before is used', async ({
  dashboard,
  page,
  faults,
}) => {
  await dashboard.open(MANUAL);
  await dashboard.button('Train 10 steps').click();
  await expect.poll(() => dashboard.step()).toBe(10);
  await dashboard.button('Train 10 steps').click();
  await expect.poll(() => dashboard.step()).toBe(20);
  await expect(dashboard.status).toHaveText('Paused');
  await damageStoredBlob(page, 'checkpoint.safetensors');
  await dashboard.open();
  await expect.poll(() => dashboard.step(), { timeout: 20_000 }).toBe(10);
  await expect(page.getByLabel('Events, latest first')).toContainText(
    /checkpoint\.safetensors.*went on from step 10 of the one before/,
  );
  await dashboard.button('Train 10 steps').click();
  await expect.poll(() => dashboard.step()).toBe(20);
  expect(faults).toEqual([]);
});

test('a run with no readable checkpoint is named and a new one can start', async ({
  dashboard,
  page,
}) => {
  await dashboard.open(MANUAL);
  await dashboard.button('Train 10 steps').click();
  await expect.poll(() => dashboard.step()).toBe(10);
  await damageStoredBlob(page, 'checkpoint.safetensors');
  await dashboard.open();
  await expect(dashboard.messages).toContainText(
    /Cannot resume run manual-.*"checkpoint.safetensors".*Press Start/,
  );
  await dashboard.button(/^Start/).click();
  await dashboard.waitForStep(1);
});

test('a second tab does not touch the run of the first', async ({ dashboard, context }) => {
  await dashboard.open(MANUAL);
  await dashboard.setSpeed(3);
  await dashboard.start.click();
  await dashboard.waitForStep(50);
  const second = new DashboardPage(await context.newPage());
  await second.open();
  await expect(second.messages).toContainText('open in another tab');
  await expect(second.status).toHaveText('Ready');
  const then = await dashboard.step();
  await dashboard.waitForStep(then + 50);
  // A run of its own is welcome.
  await second.start.click();
  await second.waitForStep(1);
});
