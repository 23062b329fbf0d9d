/** The page is accessible and fits in light and dark, wide and narrow. */
import type { Page } from '@playwright/test';
import { violations } from './axe.ts';
import { MANUAL } from './experiments.ts';
import { expect, test } from './workbench-test.ts';

/** Accessibility faults of the page at rest: motion would make half-faded colours count. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  return violations(page);
}

async function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
}

/** How many pixels of a scrolling region lie to its right, out of sight. */
async function hidden(page: Page, name: string): Promise<number> {
  const region = page.getByRole('region', { name });
  return region.evaluate((element) => element.scrollWidth - element.clientWidth);
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1440, 390]) {
    test.describe(`at ${width}, ${colorScheme}`, () => {
      test.use({ colorScheme, viewport: { width, height: 900 } });

      test('is accessible and fits', async ({ dashboard, page }, testInfo) => {
        await dashboard.open();
        expect(await faultsOf(page), 'before the run').toEqual([]);
        await dashboard.start.click();
        await expect(page.getByRole('article').filter({ hasText: 'Training' })).toBeVisible({
          timeout: 30_000,
        });
        await page.keyboard.press('Space');
        await expect(dashboard.status).toHaveText('Paused');
        expect(await faultsOf(page), 'in mid-run').toEqual([]);
        expect(await overflow(page)).toBeLessThanOrEqual(0);
        if (width === 1440) expect(await hidden(page, 'Health signals')).toBe(0);
        const body = await page.screenshot({ fullPage: true });
        await testInfo.attach('page.png', { body, contentType: 'image/png' });
      });
    });
  }
}

for (const [width, colorScheme] of [
  [1440, 'dark'],
  [390, 'light'],
] as const) {
  test.describe(`at ${width}, ${colorScheme}`, () => {
    test.use({ colorScheme, viewport: { width, height: 900 } });

    test('shows predictions accessibly', async ({ dashboard, page }) => {
      await dashboard.open({ ...MANUAL, name: 'signals', data: { source: 'signals' } });
      await dashboard.button('Train 10 steps').click();
      await expect(page.getByLabel('Surest mistakes').getByRole('listitem')).toHaveCount(12);
      expect(await faultsOf(page)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    });
  });
}
