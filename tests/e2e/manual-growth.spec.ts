/** A person grows the network by hand, and works the breakers. */
import { MANUAL } from './experiments.ts';
import { expect, test } from './workbench-test.ts';

test('germinates, sets alpha and fossilises by hand', async ({ dashboard, page }) => {
  await dashboard.open(MANUAL);
  await dashboard.setSpeed(4);
  await dashboard.start.click();
  await dashboard.button('Germinate in slot 0 of fc1').click();
  const slot = dashboard.slot('fc1');
  await expect(slot).toContainText('Training', { timeout: 30_000 });
  // Advancing is refused, with the gate's reason, until the seed has learned.
  await expect(async () => {
    await slot.getByRole('button', { name: /^Advance/ }).click();
    await expect(slot).toContainText(/Blending|Holding/, { timeout: 1000 });
  }).toPass({ timeout: 30_000 });
  await expect(slot).toContainText('Holding', { timeout: 30_000 });
  await slot.getByRole('slider', { name: /^Target α/ }).fill('0.5');
  await expect(slot.getByText('α 0.50', { exact: true })).toBeVisible({ timeout: 30_000 });
  await slot.getByRole('slider', { name: /^Target α/ }).fill('1');
  await expect(slot.getByText('α 1.00', { exact: true })).toBeVisible({ timeout: 30_000 });
  // The gate asks for a measured contribution: it is there at the next look.
  await expect(async () => {
    await slot.getByRole('button', { name: /^Fossilise/ }).click();
    await expect(slot).toContainText('Fossilised', { timeout: 1000 });
  }).toPass({ timeout: 30_000 });
  // Queued just before a pause: it is answered now and not at the next step.
  await dashboard.button('Germinate in slot 0 of fc2').click();
  await dashboard.button('Pause').click();
  const log = page.getByLabel('Events, latest first');
  await expect(log).toContainText('You: germinate low-rank-4 in fc1 slot 0');
  await expect(log).toContainText('You: alpha of fc1 slot 0 to 0.5');
  await expect(log).toContainText('You: fossilize fc1 slot 0');
  await expect(log).toContainText('You: germinate low-rank-4 in fc2 slot 0');
});

test('prunes by hand, also while paused', async ({ dashboard, page }) => {
  await dashboard.open(MANUAL);
  await dashboard.setSpeed(3);
  await dashboard.start.click();
  await dashboard.button('Germinate in slot 0 of fc2').click();
  const slot = dashboard.slot('fc2');
  await expect(slot).toContainText('Training', { timeout: 30_000 });
  await dashboard.button('Pause').click();
  await expect(dashboard.status).toHaveText('Paused');
  await slot.getByRole('button', { name: /^Prune/ }).click();
  await expect(slot).toContainText(/Culled|Dormant/);
  await expect(page.getByLabel('Events, latest first')).toContainText('You: prune fc2 slot 0');
});

test('trips and resets a breaker', async ({ dashboard }) => {
  await dashboard.open(MANUAL);
  await dashboard.start.click();
  await dashboard.waitForStep(1);
  await dashboard.button('Trip the breaker of tamiyo').click();
  const service = dashboard.service('tamiyo');
  await expect(service).toContainText('Open');
  await expect(dashboard.status).toHaveText('Training');
  await service.getByRole('button', { name: /^Reset/ }).click();
  await expect(service).toContainText('Closed');
});
