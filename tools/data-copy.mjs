/**
 * `esper backup DIR` and `esper restore DIR`: starts server/data-copy.ts with leave to touch the
 * two folders and nothing else. Plain Node.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findDeno, runForeground } from '../cli/deno-binary.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

async function main([command, ...args]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { data: { type: 'string' }, force: { type: 'boolean' } },
  });
  const [copy, ...more] = positionals;
  if (!copy || more.length > 0 || (command === 'backup' && values.force)) {
    console.error(
      `esper: type npx esper ${command} DIR [--data DIR]; npx esper help ${command} explains it`,
    );
    return 2;
  }
  const data = resolve(values.data ?? process.env.ESPER_DATA_DIR ?? join(ROOT, 'data'));
  const folder = resolve(copy);
  // Deno grants a folder by its real path, so the one above has to exist.
  for (const path of [data, folder]) mkdirSync(dirname(path), { recursive: true });
  const beside = `${data}.before-restore`;
  const touched = [data, folder, ...(command === 'restore' ? [beside, `${data}.restoring`] : [])];
  const permissions = [
    '--no-prompt',
    `--allow-read=${touched.join(',')}`,
    `--allow-write=${touched.join(',')}`,
  ];
  return runForeground(findDeno(), [
    ...['run', '--quiet', '--config', join(ROOT, 'deno.json'), ...permissions],
    ...[join(ROOT, 'server', 'data-copy.ts'), command, folder, data],
    ...(values.force ? ['--force'] : []),
  ]);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`esper: ${error.message}`);
  process.exitCode = error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
}
