/**
 * `npm start`: builds the dashboard if needed and runs the server, which prints its address.
 * Plain Node. The server gets only the permissions it needs.
 *
 * Usage: node tools/start.mjs [--port N] [--host HOST] [--data DIR] [--print-config] [--rebuild]
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { denoEnvironment, findDeno, runForeground } from '../cli/deno-binary.mjs';
import { serverPermissions } from '../cli/server-permissions.mjs';
import { buildWeb } from './web-build.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

async function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      data: { type: 'string' },
      'print-config': { type: 'boolean' },
      rebuild: { type: 'boolean' },
    },
  });
  const deno = findDeno();
  const printsConfig = values['print-config'] ?? false;
  if (!printsConfig) {
    const code = await buildWeb({ force: values.rebuild ?? false });
    if (code !== 0) return code;
  }
  const { env } = process;
  const data = resolve(values.data ?? env.ESPER_DATA_DIR ?? join(ROOT, 'data'));
  // Deno grants a folder by its real path, so it has to exist before the server starts.
  if (!printsConfig) mkdirSync(data, { recursive: true });
  const port = values.port ?? env.ESPER_PORT ?? '8787';
  const host = values.host ?? env.ESPER_HOST ?? '127.0.0.1';
  const permissions = serverPermissions({ host, port, data, env });
  const settings = ['--host', host, '--port', port, '--data', data];
  const args = printsConfig ? [...settings, '--print-config'] : settings;
  return runForeground(
    deno,
    [
      'run',
      '--quiet',
      '--config',
      join(ROOT, 'deno.json'),
      ...permissions,
      'server/main.ts',
      ...args,
    ],
    { cwd: ROOT, env: denoEnvironment() },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main();
  } catch (error) {
    const isArgument = error.code?.startsWith('ERR_PARSE_ARGS') ?? false;
    console.error(`start: ${error.message}`);
    if (isArgument)
      console.error('Options: --port N, --host HOST, --data DIR, --print-config, --rebuild');
    process.exitCode = isArgument ? 2 : 1;
  }
}
