/** The server's queue as the page shows it: queue, follow, cancel, retry, and a server that is away. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { violations } from './axe.ts';
import { DashboardPage } from './dashboard-page.ts';
import { MANUAL } from './experiments.ts';
import { TestServer } from './server.ts';
import { expect, test } from './workbench-test.ts';

const ESPER = fileURLToPath(new URL('../../cli/esper.mjs', import.meta.url));
const EXPERIMENT = { ...MANUAL, name: 'queued', steps: 50 };

function startWorker(url: string, cwd: string): ChildProcess {
  const args = [ESPER, 'worker', '--server', url, '--name', 'bench-1', '--once'];
  return spawn(process.execPath, args, { cwd, stdio: 'ignore' });
}

test('an experiment is queued, cancelled, queued again and done by a worker', async ({
  browser,
}) => {
  test.slow();
  const server = await TestServer.open();
  const cwd = await mkdtemp(join(tmpdir(), 'esper-jobs-'));
  const context = await browser.newContext({ baseURL: server.url });
  let worker: ChildProcess | null = null;
  try {
    const page = await context.newPage();
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const dashboard = new DashboardPage(page);
    await dashboard.open(EXPERIMENT);
    const panel = page.getByRole('region', { name: 'Jobs on the server' });
    const state = page.getByRole('region', { name: 'State of the server' });
    await expect(panel).toContainText('No jobs yet');
    await expect(state).toContainText('Connections');

    // With the keyboard, as without.
    await dashboard.button('Queue this experiment').focus();
    await page.keyboard.press('Enter');
    const row = panel.getByRole('row', { name: /queued, seed/ });
    await expect(row).toContainText('Waiting');
    await expect(panel).toContainText('1 waiting, 0 running');
    await expect(dashboard.messages).toContainText('Waits for a worker');
    await row.getByRole('button', { name: /^Cancel/ }).click();
    await expect(row).toContainText('Cancelled');

    for (const [width, colorScheme] of [
      [1440, 'light'],
      [390, 'light'],
      [1440, 'dark'],
      [390, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(settled);
      expect(await violations(page), `${width}, ${colorScheme}`).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide).toBeLessThanOrEqual(0);
      const body = await panel.screenshot();
      await test.info().attach(`jobs-${width}-${colorScheme}.png`, {
        body,
        contentType: 'image/png',
      });
    }
    await page.setViewportSize({ width: 1440, height: 900 });

    await row.getByRole('button', { name: /again$/ }).click();
    await expect(row).toContainText('Waiting');
    worker = startWorker(server.url, cwd);
    await expect(row).toContainText('Done', { timeout: 60_000 });
    await expect(row).toContainText(/test accuracy \d/);
    await expect(row).toContainText('bench-1');
    await panel.getByRole('button', { name: /^Dead/ }).click();
    await expect(panel).toContainText('No such jobs');

    await server.kill();
    await expect(panel).toContainText('The server is away', { timeout: 30_000 });
    await expect(dashboard.button('Queue this experiment')).toBeDisabled();
    await server.start();
    await panel.getByRole('button', { name: 'Ask again' }).click();
    await expect(panel).toContainText('No such jobs', { timeout: 15_000 });
  } finally {
    worker?.kill();
    await context.close();
    await server.close();
    await rm(cwd, { recursive: true, force: true });
  }
});

/** In the page: the new colours are computed and no transition between old and new ones runs. */
async function settled(): Promise<void> {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  const ends = document
    .getAnimations()
    .filter((a) => Number.isFinite(Number(a.effect?.getComputedTiming().endTime)))
    .map((a) => a.finished.catch(() => undefined));
  await Promise.all(ends);
}
