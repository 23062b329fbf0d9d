/**
 * Every kernel against the float64 reference in the browser: the cases of tests/gpu/cases.ts, on a
 * page of its own that is no part of the built dashboard.
 */
import { fileURLToPath } from 'node:url';
import { expect, type Page, test } from '@playwright/test';
import { createServer, type ViteDevServer } from 'vite';
import { F16_FEATURE } from '../../shared/engine/plan/numerics.ts';
import { wgslText } from '../../vite.config.ts';
import { ANY_SHAPE_CASES, CASES } from '../gpu/cases.ts';
import { HALF_CASES } from '../gpu/half-cases.ts';
import { fewRandomCases } from '../gpu/random-cases.ts';
import { FEW_SLICED_CASES, FEW_START_CASES, OTHERS, TILE_CASES } from '../gpu/tile-cases.ts';
import type { KernelReport } from './kernels-page.ts';

/** A CPU renderer compiles some four hundred shaders and runs them. */
const TIMEOUT_MS = 300_000;

let server: ViteDevServer;
/** One page for all tests: kernels that several of them run are compiled once. */
let page: Page;
/** What the page threw. */
const problems: string[] = [];

test.beforeAll(async ({ browser }) => {
  server = await createServer({
    configFile: false,
    root: fileURLToPath(new URL('../..', import.meta.url)),
    plugins: [wgslText()],
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true },
    server: { host: '127.0.0.1', port: 0, watch: null, hmr: false },
  });
  await server.listen();
  page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
});

test.afterAll(async () => {
  await page.close();
  await server.close();
});

/** Opens the page if it is not open, and waits for its verdicts on what is asked. */
async function reportOf(asked = ''): Promise<KernelReport> {
  test.setTimeout(TIMEOUT_MS);
  if (page.url() === 'about:blank') {
    await page.goto(`${server.resolvedUrls?.local[0]}tests/e2e/kernels.html${asked}`);
    await page.waitForFunction(() => 'kernelReport' in window);
  } else {
    await page.evaluate((next) => {
      window.kernelReport = window.runKernels(next);
    }, asked);
  }
  const report = await page.evaluate(() => window.kernelReport);
  await test.info().attach('verdicts.json', {
    body: JSON.stringify(report, null, 2),
    contentType: 'application/json',
  });
  expect(problems).toEqual([]);
  for (const verdict of report.verdicts) {
    expect.soft(verdict.failures, verdict.name).toEqual([]);
  }
  return report;
}

test('every kernel agrees with the reference', async () => {
  const report = await reportOf();
  expect(report.verdicts.map((v) => v.name)).toEqual(CASES.map((c) => c.name));
});

test('every tile of a kernel gives the same bits', async () => {
  const report = await reportOf('?tiles');
  // The tiles to begin with besides, and more cases of those.
  const starts = TILE_CASES.length + FEW_START_CASES.length;
  expect(report.verdicts).toHaveLength(TILE_CASES.length * OTHERS.software + starts);
});

test('kernels for any shape give the bits of those made for one', async () => {
  const report = await reportOf('?any-shape');
  expect(report.verdicts).toHaveLength(ANY_SHAPE_CASES.length);
});

test('tiles in workgroup memory give the same bits', async () => {
  const report = await reportOf('?sliced');
  expect(report.verdicts).toHaveLength(FEW_SLICED_CASES.flatMap((s) => s.cases).length);
});

test('every kernel agrees with the reference on drawn shapes', async () => {
  const report = await reportOf('?random');
  expect(report.verdicts.map((v) => v.name)).toEqual(fewRandomCases.map((c) => c.name));
});

test('products of float16 numbers agree with the reference', async () => {
  const { adapter, verdicts } = await reportOf('?f16');
  const offered = adapter.features.includes(F16_FEATURE);
  test.skip(!offered, `${adapter.name} does not offer the feature "${F16_FEATURE}"`);
  expect(verdicts.map((v) => v.name)).toEqual(HALF_CASES.map((c) => c.name));
});
