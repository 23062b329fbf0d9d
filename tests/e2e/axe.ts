/** What axe finds wrong on a page, in words. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/**
 * Accessibility faults by every rule that axe has on, each with the first element that has it.
 *
 * axe runs in the page and hands over violations only. Its other way of working describes each
 * element that passed as well, collects that from frames of other origins, and takes three times as
 * long: for pages without frames it finds the same.
 *
 * @param scope Selector of the part to look at; the whole page if absent.
 */
export async function violations(page: Page, scope?: string): Promise<string[]> {
  expect(page.frames(), 'frames are looked at by another mode of axe').toHaveLength(1);
  const builder = new AxeBuilder({ page }).setLegacyMode();
  builder.options({ resultTypes: ['violations'] });
  if (scope !== undefined) builder.include(scope);
  const result = await builder.analyze();
  return result.violations.map(
    (v) => `${v.id}: ${v.nodes[0]?.html} ${v.nodes[0]?.failureSummary ?? ''}`,
  );
}
