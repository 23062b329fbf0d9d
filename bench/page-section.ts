/** Parts of docs/benchmarks.md that commands write by themselves, each under a heading of its own. */

/** A page with that part set, or added at its end. `section` begins with `heading`. */
export function withSection(page: string, heading: string, section: string): string {
  const { before, after } = splitPage(page, heading);
  return `${[before, section, after].filter((part) => part !== '').join('\n\n')}\n`;
}

/** The part under a heading such as `## Server`; null: the page has none. */
export function sectionOf(page: string, heading: string): string | null {
  return splitPage(page, heading).section;
}

function splitPage(page: string, heading: string) {
  const at = page.search(new RegExp(`^${heading}$`, 'm'));
  if (at < 0) return { before: page.trimEnd(), section: null, after: '' };
  const next = page.slice(at + 1).search(/^## /m);
  const end = next < 0 ? page.length : at + 1 + next;
  return {
    before: page.slice(0, at).trimEnd(),
    section: page.slice(at, end).trimEnd(),
    after: page.slice(end).trimEnd(),
  };
}
