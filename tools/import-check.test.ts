import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkImports, resolveImport } from './import-check.ts';
import { AREAS, areaOf } from './import-rules.ts';
import { maskSource, scanImports } from './import-scan.ts';

const check = (files: Record<string, string>) => checkImports(new Map(Object.entries(files)));

describe('checkImports()', () => {
  test('accepts what the table allows', () => {
    expect(
      check({
        'shared/base/errors.ts': '',
        'shared/contracts/seed.ts': "import { z } from 'zod';",
        'shared/tamiyo/policy.ts':
          "import type { S } from '../contracts/seed.ts';\nimport '#shared/base/errors.ts';",
        'web/features/chart/chart.tsx': "import { b } from '../../ui/button.tsx';",
        'shared/tamiyo/policy.test.ts': "import '../engine/gpu/device.ts';",
        'shared/platform/deno.ts': "import 'node:fs';\nimport './platform.ts';",
        'cli/main.ts': "import manifest from '../package.json' with { type: 'json' };",
      }),
    ).toEqual([]);
  });

  test('names file, line, both areas and what is allowed', () => {
    const text = "// a comment\nimport { z } from 'zod';\n\nimport '../engine/gpu/device.ts';\n";
    expect(check({ 'shared/tamiyo/policy.ts': text })).toEqual([
      'shared/tamiyo/policy.ts:4 imports engine/gpu: tamiyo may import base, contracts',
    ]);
  });

  test.each([
    ['shared/base/a.ts', "import '../contracts/seed.ts';", 'base may import nothing'],
    ['shared/engine/plan/a.ts', "export * from '../gpu/b.ts';", 'engine/plan may import base'],
    ['shared/nn/a.ts', "const b = await import('../engine/gpu/b.ts');", 'imports engine/gpu'],
    ['web/features/a/a.tsx', "import { b } from '../b/b.tsx';", 'imports web/features/b'],
    ['web/features/a/a.tsx', "import '#shared/tolaria/trainer.ts';", 'imports tolaria'],
    ['web/run-store.ts', "import '../shared/data/csv.ts';", 'imports data'],
    [
      'web/client.ts',
      "new Worker(new URL('./x-worker.ts', import.meta.url))",
      'imports web/worker',
    ],
    ['server/app.ts', "import '../web/run-store.ts';", 'server may import base, contracts'],
    ['server/app.ts', "import '../tools/x.ts';", 'only tests and tools may import that'],
    ['cli/a.ts', "import './b.test.ts';", 'only tests and tools may import that'],
    [
      'shared/data/a.ts',
      "import { readFile } from 'node:fs/promises';",
      'shared runs on every host',
    ],
    ['shared/new-folder/a.ts', '', 'belongs to no area'],
    ['shared/nn/a.ts', 'await buffer.mapAsync(1);', 'only shared/engine/gpu/readback.ts may'],
    ['web/features/a/a.tsx', 'x.mapAsync', 'only shared/engine/gpu/readback.ts may'],
  ])('finds the violation planted in %s: %s', (path, source, message) => {
    const messages = check({ [path]: source });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(path);
    expect(messages[0]).toContain(message);
  });

  test('allows mapAsync in readback.ts, and its mention in comments and strings', () => {
    expect(
      check({
        'shared/engine/gpu/readback.ts': 'await b.mapAsync(1);',
        'shared/nn/a.ts': "// never mapAsync\nconst s = 'mapAsync';\nconst t = `mapAsync`;",
      }),
    ).toEqual([]);
  });

  test('finds a cycle through three files once', () => {
    const messages = check({
      'shared/nn/a.ts': "import './b.ts';",
      'shared/nn/b.ts': "\nimport { type C, c } from './c.ts';",
      'shared/nn/c.ts': "export { a } from './a.ts';",
    });
    expect(messages).toEqual([
      'shared/nn/c.ts:1 closes an import cycle: shared/nn/a.ts → shared/nn/b.ts → ' +
        'shared/nn/c.ts → shared/nn/a.ts: move what both need to a third file',
    ]);
  });

  test('an import of types closes no cycle', () => {
    expect(
      check({
        'shared/nn/a.ts': "import type { B } from './b.ts';",
        'shared/nn/b.ts': "import { a } from './a.ts';\nimport { type A } from './a.ts';",
      }),
    ).toEqual([]);
  });

  test('finds a planted cycle in any chain', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), (length, back) => {
        const files: Record<string, string> = {};
        for (let i = 0; i < length; i++) {
          files[`shared/nn/f${i}.ts`] = i + 1 < length ? `import './f${i + 1}.ts';` : '';
        }
        expect(check(files)).toEqual([]);
        files[`shared/nn/f${length - 1}.ts`] = `import './f${back % length}.ts';`;
        expect(check(files)).toHaveLength(1);
      }),
    );
  });
});

describe('scanImports()', () => {
  test('finds every form with its line', () => {
    const source = [
      "import a, { b } from './1.ts';",
      'import {',
      '  type C,',
      "} from './2.ts';",
      "export * as d from './3.ts';",
      "import './4.css';",
      "const e = await import('./5.ts');",
      "const w = new Worker(new URL('./6.ts', import.meta.url));",
      'import source from "./7.wgsl" with { type: "text" };',
    ].join('\n');
    expect(scanImports(source).map((i) => `${i.specifier}:${i.line}:${i.isTypeOnly}`)).toEqual([
      './1.ts:1:false',
      './2.ts:4:true',
      './3.ts:5:false',
      './4.css:6:false',
      './5.ts:7:false',
      './6.ts:8:false',
      './7.wgsl:9:false',
    ]);
  });

  test('ignores comments, strings, templates and regular expressions', () => {
    const source = [
      "// import './a.ts';",
      "/* import './b.ts'; */",
      'const s = "import \'./c.ts\'";',
      `const t = \`import './d.ts' \${f({ x: "import './e.ts'" })} import './f.ts'\`;`,
      'const r = /[\'"/]/.test(s) ? 1 / 2 : 3;',
      "import './real.ts';",
    ].join('\n');
    expect(scanImports(source).map((i) => i.specifier)).toEqual(['./real.ts']);
  });

  test('maskSource() keeps length and line breaks of any text', () => {
    const piece = fc.constantFrom(
      '`',
      '${',
      '}',
      '{',
      '/',
      '*',
      '"',
      "'",
      '\\',
      '\n',
      'a',
      '[',
      ']',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const source = pieces.join('');
        const mask = maskSource(source);
        expect(mask.length).toBe(source.length);
        expect(mask.split('\n').map((l) => l.length)).toEqual(
          source.split('\n').map((l) => l.length),
        );
      }),
    );
  });
});

test('every area that a row names exists', () => {
  const names = AREAS.map((area) => area.name);
  for (const { may } of AREAS) {
    for (const name of may) {
      const isThere = name.endsWith('/*')
        ? names.some((other) => other.startsWith(name.slice(0, -1)))
        : names.includes(name);
      expect(isThere, name).toBe(true);
    }
  }
});

test('resolveImport() follows relative paths and aliases', () => {
  expect(resolveImport('shared/nn/a.ts', '../base/b.ts')).toBe('shared/base/b.ts');
  expect(resolveImport('web/main.tsx', './app.tsx')).toBe('web/app.tsx');
  expect(resolveImport('cli/a.ts', '#shared/base/b.ts')).toBe('shared/base/b.ts');
  expect(resolveImport('cli/a.ts', 'zod')).toBeNull();
  expect(areaOf('web/features/header/x.tsx')?.name).toBe('web/features/header');
});
