/** The page before a server that asks for a token: without one, with a wrong, a narrow, an old one. */
import type { Page } from '@playwright/test';
import { violations } from './axe.ts';
import { DashboardPage } from './dashboard-page.ts';
import { MANUAL } from './experiments.ts';
import { TestServer } from './server.ts';
import { expect, test } from './workbench-test.ts';

const ADMIN = 'a-token-for-everything';
const READ = 'a-token-for-reading';

async function enter(page: Page, token: string): Promise<void> {
  await page.getByLabel(/token .*the server|Token of the server/i).fill(token);
  await page.keyboard.press('Enter');
}

test('a token is asked for, checked, kept for the tab and told when it is old', async ({
  browser,
}) => {
  test.slow();
  const server = await TestServer.open({ ESPER_TOKEN: ADMIN, ESPER_READ_TOKEN: READ });
  const context = await browser.newContext({ baseURL: server.url });
  const said: string[] = [];
  try {
    const page = await context.newPage();
    await page.emulateMedia({ reducedMotion: 'reduce' });
    page.on('console', (message) => said.push(message.text()));
    const calls: { url: string; authorization: string | undefined }[] = [];
    context.on('request', (request) => {
      if (!request.url().includes('/api/')) return;
      const { authorization } = request.headers();
      calls.push({ url: request.url(), authorization });
    });
    const dashboard = new DashboardPage(page);
    await dashboard.open({ ...MANUAL, name: 'with-token', steps: 20 });
    const jobs = page.getByRole('region', { name: 'Jobs on the server' });
    const runs = page.getByRole('region', { name: 'Runs on the server' });
    const services = page.getByRole('region', { name: 'Services' });
    await expect(jobs).toContainText('The server asks for a token');
    await expect(runs).toContainText('The server asks for a token');

    await jobs.getByRole('button', { name: 'Enter a token' }).click();
    await expect(page.getByLabel('Token of the server')).toBeFocused();
    await page.keyboard.type('not-the-token-at-all');
    await page.keyboard.press('Enter');
    await expect(services).toContainText('The server refuses the token');
    await expect(jobs).toContainText('wrong, or no longer valid');
    for (const [width, colorScheme] of [
      [1440, 'light'],
      [390, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
      const body = await services.screenshot();
      await test.info().attach(`token-${width}.png`, { body, contentType: 'image/png' });
    }
    await page.setViewportSize({ width: 1440, height: 900 });

    // What may only be read is shown, and what may not be done is said.
    await enter(page, READ);
    await expect(jobs).toContainText('No jobs yet');
    await expect(services).toContainText('The server takes the token');
    await expect(services).toContainText('to admins only');
    await dashboard.button('Queue this experiment').click();
    await expect(dashboard.messages).toContainText('it needs "write"');

    await enter(page, ADMIN);
    await expect(services).toContainText('Connections');
    await dashboard.button('Queue this experiment').click();
    await expect(jobs.getByRole('row', { name: /with-token/ })).toContainText('Waiting');

    // The worker's own calls carry it as well, and nothing that stays does.
    calls.length = 0;
    await page.reload();
    await expect(jobs.getByRole('row', { name: /with-token/ })).toBeVisible();
    await dashboard.start.click();
    await dashboard.waitForEnd();
    expect(calls.length).toBeGreaterThan(2);
    expect(calls.filter((c) => c.authorization !== `Bearer ${ADMIN}`)).toEqual([]);
    expect(calls.filter((c) => c.url.includes(ADMIN))).toEqual([]);
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }) + location.href);
    expect(kept).not.toContain(ADMIN);
    expect(JSON.stringify(await dashboard.events())).not.toContain(ADMIN);
    expect(said.join('\n')).not.toContain(ADMIN);

    await server.kill();
    await server.start({ ESPER_TOKEN: 'the-operator-chose-another' });
    await dashboard.button('Queue this experiment').isVisible();
    await expect(services).toContainText('The server refuses the token', { timeout: 30_000 });
    await dashboard.button('Forget the token').click();
    await expect(jobs).toContainText('The server asks for a token');
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  } finally {
    await context.close();
    await server.close();
  }
});

test('older jobs are shown when asked for, of one state and kind', async ({ browser, request }) => {
  test.slow();
  const server = await TestServer.open();
  const context = await browser.newContext({ baseURL: server.url });
  try {
    for (let seed = 1; seed <= 55; seed++) {
      const experiment = { ...MANUAL, name: 'many', seed, steps: 10 };
      const answer = await request.post(`${server.url}/api/v1/jobs`, {
        data: { kind: 'experiment', experiment },
      });
      expect(answer.status()).toBeLessThan(300);
    }
    const page = await context.newPage();
    await new DashboardPage(page).open();
    const jobs = page.getByRole('region', { name: 'Jobs on the server' });
    // One row is the head.
    await expect(jobs.getByRole('row')).toHaveCount(51);
    await expect(jobs).toContainText('The newest 50 are shown');
    await jobs.getByRole('button', { name: 'Show older' }).click();
    await expect(jobs.getByRole('row')).toHaveCount(56);
    await expect(jobs.getByRole('button', { name: 'Show older' })).toHaveCount(0);
    await jobs.getByLabel('Kind of jobs shown').selectOption('Compilations');
    await expect(jobs).toContainText('No such jobs');
    await jobs.getByLabel('Kind of jobs shown').selectOption('Experiments');
    await expect(jobs.getByRole('row')).toHaveCount(51);
  } finally {
    await context.close();
    await server.close();
  }
});
