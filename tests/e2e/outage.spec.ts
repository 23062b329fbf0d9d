/** The server goes away in mid-run and comes back; the run does not care, and the page says so. */
import { DashboardPage } from './dashboard-page.ts';
import { GROWING } from './experiments.ts';
import { TestServer } from './server.ts';
import { expect, test } from './workbench-test.ts';

const SERVICES = ['urza', 'tamiyo', 'runs'];
/** Long enough for an outage and its end at a hundred steps a second. */
const EXPERIMENT = { ...GROWING, name: 'outage', steps: 2500 };

test('a killed server opens the breakers and changes no bit', { tag: '@clock' }, async ({
  browser,
}) => {
  test.slow();
  const server = await TestServer.open();
  const context = await browser.newContext({ baseURL: server.url });
  try {
    const dashboard = new DashboardPage(await context.newPage());
    await dashboard.open(EXPERIMENT);
    await dashboard.start.click();
    const calm = await dashboard.waitForEnd();
    expect(calm.testAccuracy).toBeGreaterThan(0.97);

    await dashboard.button('Reset').click();
    await expect.poll(() => dashboard.step()).toBe(0);
    await dashboard.setSpeed(3);
    await dashboard.button('Continue').click();
    // Before the first seed is placed: growth itself goes on without the server.
    await dashboard.waitForStep(20);
    await server.kill();
    const killed = Date.now();
    for (const name of SERVICES) {
      await expect(dashboard.service(name)).toContainText('Open', { timeout: 10_000 });
    }
    expect(Date.now() - killed).toBeLessThan(10_000);
    await expect(dashboard.notices).toContainText('Training goes on in this page');
    const upload = dashboard.service('runs').getByTestId('upload');
    await expect(upload).toContainText(
      /^The server lacks \d[\d\s]* events? of this run.*sent when it answers again; training goes on/,
      { timeout: 10_000 },
    );
    const then = await dashboard.step();
    await dashboard.waitForStep(then + 50, 10_000);
    await expect(dashboard.status).toHaveText('Training');

    await server.start();
    for (const name of SERVICES) {
      await expect(dashboard.service(name)).toContainText('Closed', { timeout: 30_000 });
    }
    await expect(dashboard.notices).toBeHidden();
    await expect(dashboard.messages).toContainText('The server answers again');
    await expect(upload).toContainText(
      /^\d[\d\s]* events? that the server had missed were delivered/,
      {
        timeout: 10_000,
      },
    );
    await dashboard.setSpeed(5);
    const disturbed = await dashboard.waitForEnd();
    expect(disturbed.digest).toBe(calm.digest);
    expect(disturbed.testAccuracy).toBe(calm.testAccuracy);

    // What the server missed reaches it afterwards.
    const run = dashboard.page.getByLabel('Stored runs').getByRole('row', { name: /outage/ });
    await expect(run.first()).toContainText('Done', { timeout: 30_000 });
  } finally {
    await context.close();
    await server.close();
  }
});
