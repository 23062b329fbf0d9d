import { describe, expect, test } from 'vitest';
import { coverageOf, folderTable, mergeLines, percentOf, readLcov } from './coverage-report.mjs';

const VITEST = `TN:
SF:server/a.ts
FN:1,one
DA:1,3
DA:2,0
DA:5,0
DA:9,0
end_of_record
SF:server/deep/b.ts
DA:1,0
end_of_record
SF:server2/c.ts
DA:1,1
end_of_record
`;
const DENO = `SF:/project/server/a.ts
DA:1,1
DA:2,1
DA:3,0
DA:9,0
end_of_record
SF:/elsewhere/server/a.ts
DA:5,7
end_of_record
`;

describe('line coverage', () => {
  const lines = mergeLines([readLcov(VITEST, '/project')], [readLcov(DENO, '/project/')]);

  test('a line counts as run if any runner ran it', () => {
    expect([...lines.get('server/a.ts')]).toEqual([
      [1, 4],
      [2, 1],
      [5, 0],
      [9, 0],
    ]);
  });

  test('a line that only the second report names does not count', () => {
    expect(lines.get('server/a.ts').has(3)).toBe(false);
  });

  test('files outside the project are left out', () => {
    expect([...readLcov(DENO, '/project').keys()]).toEqual(['server/a.ts']);
  });

  test('a folder is what lies in it, not what begins like it', () => {
    const files = coverageOf(lines, 'server');
    expect(files).toEqual([
      { file: 'server/a.ts', total: 4, covered: 2, missed: [[5, 9]] },
      { file: 'server/deep/b.ts', total: 1, covered: 0, missed: [[1, 1]] },
    ]);
    expect(percentOf(files)).toBe(40);
  });

  test('the table names missed lines and never rounds up', () => {
    const table = folderTable('server', coverageOf(lines, 'server')).split('\n');
    expect(table[0]).toMatch(/^server +40\.0 % +2\/5$/);
    expect(table[1]).toMatch(/^ {4}a\.ts +50\.0 % +2\/4 {2}5-9$/);
    expect(table[2]).toMatch(/^ {2}server\/deep +0\.0 % +0\/1$/);
    const almost = [{ file: 'x/y.ts', total: 10_000, covered: 8_999, missed: [] }];
    expect(folderTable('x', almost)).toMatch(/ 89\.9 %/);
  });

  test('a folder without code is not covered', () => {
    expect(percentOf(coverageOf(lines, 'nowhere'))).toBe(0);
  });
});
