/** Playwright's `test` with a server of our own, the dashboard, and an eye on the console. */
import { test as base } from '@playwright/test';
import { DashboardPage } from './dashboard-page.ts';
import { TestServer } from './server.ts';

interface TestFixtures {
  dashboard: DashboardPage;
  /** What the page wrote to its console as an error, and what it threw; must stay empty. */
  faults: string[];
}

export const test = base.extend<TestFixtures, { server: TestServer }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern for dependencies
    async ({}, use) => {
      const server = await TestServer.open();
      await use(server);
      await server.close();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  faults: async ({ page }, use) => {
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await use(faults);
  },
  dashboard: async ({ page, faults }, use) => {
    await use(new DashboardPage(page));
    test.expect(faults, 'errors in the console').toEqual([]);
  },
});

export { expect } from '@playwright/test';
