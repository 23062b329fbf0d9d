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
import { buildWeb } from './web-build.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Environment variables the server reads: those of shared/contracts/config.ts, as patterns. */
export const ENVIRONMENT = [
  'URZA_URL',
  'TAMIYO_URL',
  'REDIS_URL',
  'S3_*',
  'DATABASE_*',
  'HTTP_TIMEOUT',
  'RETRY_ATTEMPTS',
  'CACHE_SIZE_MB',
  'MAX_CACHE_ENTRIES',
  'ESPER_*',
  'LOG_LEVEL',
];

/** What an address without a port means; Deno would take it for every port of that host. */
const DEFAULT_PORTS = {
  'http:': 80,
  'https:': 443,
  'redis:': 6379,
  'rediss:': 6379,
  'postgres:': 5432,
  'postgresql:': 5432,
};

/** host:port of the services that the environment names. */
function services(env) {
  const urls = ['URZA_URL', 'TAMIYO_URL', 'REDIS_URL', 'S3_ENDPOINT', 'DATABASE_URL'];
  return urls
    .map((name) => env[name])
    .filter((url) => url && URL.canParse(url) && new URL(url).hostname !== '')
    .map((url) => {
      const { protocol, hostname, port } = new URL(url);
      const usual = DEFAULT_PORTS[protocol];
      return port || usual ? `${hostname}:${port || usual}` : hostname;
    });
}

/**
 * Deno's permission flags for the server.
 *
 * @param {{ host: string, port: string, data: string, env: NodeJS.ProcessEnv }} settings
 */
export function serverPermissions({ host, port, data, env }) {
  const bare = host.replace(/^\[|\]$/g, '');
  const address = bare.includes(':') ? `[${bare}]` : bare;
  // A faulty port goes to the server, whose message names the setting and the fix.
  const listen = /^\d+$/.test(port) ? `${address}:${port}` : address;
  return [
    '--no-prompt',
    `--allow-net=${[listen, ...services(env)].join(',')}`,
    `--allow-read=${[join(ROOT, 'dist'), join(ROOT, 'experiments'), join(ROOT, 'node_modules', 'swagger-ui-dist'), data].join(',')}`,
    `--allow-write=${data}`,
    `--allow-env=${ENVIRONMENT.join(',')}`,
    // Packages that ask for other variables see them unset instead of failing.
    '--ignore-env',
    // The log records carry the machine's name.
    '--allow-sys=hostname',
  ];
}

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
