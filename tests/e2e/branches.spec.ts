/** A person goes back in a run, forks it, sets two branches side by side, and takes a capsule away. */
import { readFile } from 'node:fs/promises';
import { violations } from './axe.ts';
import { GROWING } from './experiments.ts';
import { expect, test } from './workbench-test.ts';

const RUN = { ...GROWING, name: 'branches' };

test('rewinds, forks without an event, compares, replays and opens a capsule', async ({
  dashboard,
  page,
}, info) => {
  test.setTimeout(300_000);
  await dashboard.open(RUN);
  const runs = page.getByRole('region', { name: 'Runs and forks' });
  await expect(runs).toContainText('No run is stored yet');
  await dashboard.start.click();
  const whole = await dashboard.waitForEnd();
  expect(whole.seedsFossilized).toBe(1);
  const log = page.getByLabel('Events, latest first');

  await test.step('the fork without the germination is another run', async () => {
    await log.getByRole('button', { name: /Dormant → Loading/ }).click();
    await dashboard.button('Fork without it').click();
    await expect(dashboard.status).toHaveText('Paused');
    await expect(runs).toContainText(/fork at step \d+: without germinate/);
    await dashboard.button('Continue').click();
    const fork = await dashboard.waitForEnd();
    expect(fork.digest).not.toBe(whole.digest);
    expect(fork.seedsGerminated).toBe(0);
    const pair = page.getByRole('region', { name: 'Two runs side by side' });
    await expect(pair).toContainText(/The same until step|where their losses part/);
    await expect(pair.getByRole('img', { name: /^Training loss over/ })).toBeVisible();
    await expect(pair.getByRole('img', { name: /^Decision boundary of A/ })).toBeVisible();
    await expect(pair.getByRole('img', { name: /^Decision boundary of B/ })).toBeVisible();
    await info.attach('side by side', { body: await runs.screenshot(), contentType: 'image/png' });
  });

  await test.step('a fork with another command in place of it', async () => {
    await runs
      .getByRole('button', { name: /^Open branches-/ })
      .first()
      .click();
    await expect(log).toContainText('Dormant → Loading');
    await log.getByRole('button', { name: /Dormant → Loading/ }).click();
    await dashboard.button('Fork with another').click();
    const form = page.getByRole('group', { name: 'Command 1' });
    await form.getByLabel('At step').fill('9999');
    await expect(form).toContainText('The step must be a whole number from 0 to 599');
    await expect(dashboard.button('Fork with this command')).toBeDisabled();
    await form.getByLabel('At step').fill('250');
    await form.getByLabel('What').selectOption('Germinate');
    await info.attach('form', {
      body: await page.getByRole('region', { name: 'Timeline' }).screenshot(),
      contentType: 'image/png',
    });
    await dashboard.button('Fork with this command').click();
    await expect(runs).toContainText(/without germinate.*, with germinate at step 250/);
    await expect(dashboard.status).toHaveText('Paused');
    await dashboard.button('Continue').click();
    expect((await dashboard.waitForEnd()).seedsGerminated).toBe(1);
    await expect(log).toContainText(/250.*(You|Replay): germinate/);
  });

  await test.step('axe finds nothing in it', async () => {
    expect(await violations(page)).toEqual([]);
  });

  await test.step('the parent, rewound by keyboard, ends with the same digest', async () => {
    await runs
      .getByRole('button', { name: /^Open branches-/ })
      .first()
      .press('Enter');
    await expect(runs.locator('tr[aria-current="true"]')).not.toContainText('fork at');
    await expect(dashboard.status).toHaveText('Finished');
    await expect(log).toContainText('Dormant → Loading');
    await page.getByRole('slider', { name: /^Step/ }).fill('150');
    await dashboard.button('Rewind to here').press('Enter');
    await dashboard.button(/^Remove what came after step 150/).press('Enter');
    await expect.poll(() => dashboard.step()).toBe(150);
    await dashboard.button('Continue').click();
    expect((await dashboard.waitForEnd()).digest).toBe(whole.digest);
    await dashboard.button('Replay and compare').click();
    await expect(runs).toContainText(/The same again: 600 steps/, { timeout: 60_000 });
  });

  await test.step('a capsule opens as a run of its own; a flipped byte does not', async () => {
    const downloading = page.waitForEvent('download');
    await dashboard.button('Capsule').click();
    const bytes = await readFile(await (await downloading).path());
    const file = { name: 'a.capsule', mimeType: 'application/zip', buffer: bytes };
    await page.getByLabel('Open capsule').setInputFiles(file);
    await expect(dashboard.messages).toContainText('a.capsule is verified and open');
    await expect(dashboard.status).toHaveText('Finished');
    const broken = Buffer.from(bytes);
    broken[900]! ^= 1;
    await page.getByLabel('Open capsule').setInputFiles({ ...file, buffer: broken });
    await expect(dashboard.messages).toContainText(/Cannot open "a\.capsule": (part|the)/);
  });
});
