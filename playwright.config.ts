/**
 * Browser tests against the real server and the real build. `CHROMIUM_PATH` names the browser; the
 * flags give it WebGPU on machines without a graphics card. Tests start their own servers
 * (tests/e2e/server.ts), which build the dashboard where it is missing or stale.
 */
import { existsSync } from 'node:fs';
import { defineConfig, devices } from '@playwright/test';
import { BASE_ARGUMENTS, CHROMIUM, WEBGPU_ARGUMENTS } from './tests/e2e/browser.ts';

/** On pages of their own, minutes long. */
const KERNEL_TESTS = ['exactness.spec.ts', 'kernels.spec.ts'];

export default defineConfig({
  testDir: 'tests/e2e',
  // Training in software shares the cores with the browser: one at a time keeps times meaningful.
  // `npm test` runs what is not tagged @clock on several workers.
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  outputDir: 'coverage/playwright',
  // The longest files come first: last, one would run alone while the other workers have no work.
  projects: [
    { name: 'kernels', testMatch: KERNEL_TESTS },
    { name: 'dashboard', testIgnore: KERNEL_TESTS },
  ],
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      ...(existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {}),
      args: [...BASE_ARGUMENTS, ...WEBGPU_ARGUMENTS],
    },
  },
});
