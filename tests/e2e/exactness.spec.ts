/**
 * Exactness of growth in the browser: the properties of tests/exactness, on a page of its own that is
 * no part of the built dashboard.
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { createServer, type ViteDevServer } from 'vite';
import { wgslText } from '../../vite.config.ts';
import { DRAWS, EXACTNESS } from '../exactness/properties.ts';

const TIMEOUT_MS = 300_000;

let server: ViteDevServer;

test.beforeAll(async () => {
  server = await createServer({
    configFile: false,
    root: fileURLToPath(new URL('../..', import.meta.url)),
    plugins: [wgslText()],
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true },
    server: { host: '127.0.0.1', port: 0, watch: null, hmr: false },
  });
  await server.listen();
});

test.afterAll(async () => {
  await server.close();
});

test('growth is exact on random topologies', async ({ page }, testInfo) => {
  test.setTimeout(TIMEOUT_MS);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(`${server.resolvedUrls?.local[0]}tests/e2e/exactness.html`);
  await page.waitForFunction(() => 'exactnessReport' in window, undefined, { timeout: TIMEOUT_MS });
  const report = await page.evaluate(() => window.exactnessReport);
  await testInfo.attach('verdicts.json', {
    body: JSON.stringify(report, null, 2),
    contentType: 'application/json',
  });
  expect(problems).toEqual([]);
  expect(report.verdicts).toHaveLength(DRAWS.length * EXACTNESS.length);
  for (const { draw, failures, name } of report.verdicts) {
    expect.soft(failures, `${name}, draw ${draw}`).toEqual([]);
  }
});
