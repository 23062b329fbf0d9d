import { expect, it } from 'vitest';
import { sectionOf, withSection } from './page-section.ts';

const page = '# Page\n\n## A\n\none\n\n## B\n\ntwo\n';

it('sets a part where it stands, and adds it at the end where there is none', () => {
  expect(sectionOf(page, '## A')).toBe('## A\n\none');
  expect(sectionOf(page, '## C')).toBeNull();
  const changed = withSection(page, '## A', '## A\n\nthree');
  expect(changed).toBe('# Page\n\n## A\n\nthree\n\n## B\n\ntwo\n');
  expect(withSection(changed, '## A', '## A\n\none')).toBe(page);
  expect(withSection(page, '## C', '## C\n\nmore')).toBe(`${page}\n## C\n\nmore\n`);
  expect(withSection('', '## A', '## A')).toBe('## A\n');
});
