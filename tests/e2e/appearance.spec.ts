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

const WIDTHS = [390, 1440] as const;

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme} colours`, () => {
    // A page that begins narrow and is made wide, so that each width is drawn anew at some time.
    test.use({ colorScheme, viewport: { width: WIDTHS[0], height: 900 } });

    test('is accessible and fits, narrow and wide', async ({ dashboard, page }, testInfo) => {
      const atEachWidth = async (look: (width: number) => Promise<void>) => {
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 900 });
          await look(width);
        }
      };
      await dashboard.open();
      await atEachWidth(async (width) => {
        expect(await faultsOf(page), `before the run, at ${width}`).toEqual([]);
      });
      await dashboard.start.click();
      await expect(page.getByRole('article').filter({ hasText: 'Training' })).toBeVisible({
        timeout: 30_000,
      });
      await page.keyboard.press('Space');
      await expect(dashboard.status).toHaveText('Paused');
      await atEachWidth(async (width) => {
        expect(await faultsOf(page), `in mid-run, at ${width}`).toEqual([]);
        expect(await overflow(page), `at ${width}`).toBeLessThanOrEqual(0);
        if (width === 1440) expect(await hidden(page, 'Health signals')).toBe(0);
        const body = await page.screenshot({ fullPage: true });
        await testInfo.attach(`page-${width}.png`, { body, contentType: 'image/png' });
      });
    });
  });
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
