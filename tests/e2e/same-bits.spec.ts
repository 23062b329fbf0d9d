/** The same experiment gives the same bits, however its steps are cut, paused and resumed. */
import type { Page } from '@playwright/test';
import { DashboardPage } from './dashboard-page.ts';
import { GROWING } from './experiments.ts';
import { expect, test } from './workbench-test.ts';

/** The digest of an undisturbed run in this worker's browser. */
let undisturbed: Promise<string> | null = null;

function referenceDigest(page: Page): Promise<string> {
  undisturbed ??= (async () => {
    const dashboard = new DashboardPage(page);
    await dashboard.open(GROWING);
    await dashboard.start.click();
    const { digest, seedsFossilized } = await dashboard.waitForEnd();
    expect(seedsFossilized, 'a run in which nothing grows proves little').toBe(1);
    return digest;
  })();
  return undisturbed;
}

test.beforeEach(async ({ browser, server }) => {
  test.slow();
  if (undisturbed) return;
  const context = await browser.newContext({ baseURL: server.url });
  await referenceDigest(await context.newPage());
  await context.close();
});

test('reset repeats a run, and another seed does not', async ({ dashboard, page }) => {
  await dashboard.open(GROWING);
  await dashboard.start.click();
  await dashboard.waitForStep(100);
  await dashboard.button('Reset').click();
  await expect.poll(() => dashboard.step()).toBe(0);
  await dashboard.button('Continue').click();
  const { digest } = await dashboard.waitForEnd();
  expect(digest).toBe(await referenceDigest(page));

  await dashboard.button('New seed').click();
  await expect.poll(() => dashboard.step()).toBe(0);
  await dashboard.button('Continue').click();
  expect((await dashboard.waitForEnd()).digest).not.toBe(digest);
});

test('pauses, single steps and slow motion change no bit', async ({ dashboard, page }) => {
  await dashboard.open(GROWING);
  await dashboard.button('Train 10 steps').click();
  await expect.poll(() => dashboard.step()).toBe(10);
  await dashboard.button('Train 1 step').click();
  await expect.poll(() => dashboard.step()).toBe(11);
  await dashboard.setSpeed(3);
  await dashboard.button('Continue').click();
  await dashboard.waitForStep(130);
  await dashboard.button('Pause').click();
  await expect(dashboard.status).toHaveText('Paused');
  await dashboard.setSpeed(5);
  await dashboard.button('Continue').click();
  expect((await dashboard.waitForEnd()).digest).toBe(await referenceDigest(page));
});

test('a reload in mid-run finds the run, and it ends as if undisturbed', async ({
  dashboard,
  page,
}) => {
  await dashboard.open(GROWING);
  await dashboard.setSpeed(3);
  await dashboard.start.click();
  await dashboard.waitForStep(200);
  await page.reload();
  // It runs on by itself, from the last save and with its history.
  await expect(dashboard.status).toHaveText('Training', { timeout: 20_000 });
  expect(await dashboard.step()).toBeGreaterThanOrEqual(150);
  await expect(page.getByTestId('loss-summary')).toContainText('at step 25 to');
  await expect(page.getByLabel('Events, latest first')).toContainText('Resumed on');
  await page.reload();
  const { digest } = await dashboard.waitForEnd();
  expect(digest).toBe(await referenceDigest(page));
});

test('a finished run is still there after a reload', async ({ dashboard, page }) => {
  await dashboard.open({ ...GROWING, steps: 50 });
  await dashboard.start.click();
  const { digest } = await dashboard.waitForEnd();
  await page.reload();
  expect((await dashboard.waitForEnd()).digest).toBe(digest);
  await expect(page.getByLabel('Events, latest first')).toContainText(digest.slice(0, 19));
});

test('measuring kernels while it trains changes no bit', async ({ dashboard, page }) => {
  await dashboard.open(GROWING);
  await dashboard.start.click();
  const panel = page.getByRole('region', { name: 'Kernel times', exact: true });
  for (const least of [1, 200, 400]) {
    await dashboard.waitForStep(least);
    await panel.getByRole('button').click();
    await expect(panel.getByRole('status')).toHaveText(/measured/i);
  }
  await expect(panel.getByRole('row').filter({ hasText: 'adam_update' })).toBeVisible();
  expect((await dashboard.waitForEnd()).digest).toBe(await referenceDigest(page));
});
