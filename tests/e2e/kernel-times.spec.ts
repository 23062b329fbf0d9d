/** Kernel times on the page: told to everyone, measured or not. */
import { violations } from './axe.ts';
import { MANUAL } from './experiments.ts';
import { expect, test } from './workbench-test.ts';

for (const [width, colorScheme] of [
  [1440, 'dark'],
  [390, 'light'],
] as const) {
  test.describe(`at ${width}, ${colorScheme}`, () => {
    test.use({ colorScheme, viewport: { width, height: 900 } });

    test('shows the time of each kernel', async ({ dashboard, page }, testInfo) => {
      await page.emulateMedia({ reducedMotion: 'reduce' });
      await dashboard.open(MANUAL);
      const panel = page.getByRole('region', { name: 'Kernel times', exact: true });
      const measure = panel.getByRole('button', { name: 'Measure kernel times' });
      await expect(panel).toContainText('No plan yet');
      await expect(measure).toBeDisabled();
      await dashboard.button('Train 10 steps').click();
      await dashboard.waitForStep(10);
      await expect(dashboard.status).toHaveText('Paused');
      await expect(panel).toContainText('Not measured yet');
      await measure.focus();
      await page.keyboard.press('Enter');
      const row = panel.getByRole('row').filter({ hasText: 'adam_update' });
      await expect(row).toBeVisible();
      await expect(measure).toBeFocused();
      await expect(panel).toContainText('at step 10');
      const features = await page.evaluate(async () => {
        const adapter = await navigator.gpu?.requestAdapter();
        return [...(adapter?.features ?? [])] as string[];
      });
      const hasClock = features.includes('timestamp-query');
      testInfo.annotations.push({ type: 'timestamp-query', description: String(hasClock) });
      await expect(row).toContainText(hasClock ? '%' : 'unmeasured');
      const status = panel.getByRole('status');
      await expect(status).toHaveText(hasClock ? /^Measured \d+ kernels: / : /^Unmeasured: /);
      expect(await violations(page, '#panels')).toEqual([]);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(over).toBeLessThanOrEqual(0);
      const body = await panel.screenshot();
      await testInfo.attach('panel.png', { body, contentType: 'image/png' });
    });
  });
}
