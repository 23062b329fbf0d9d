/** What the server may touch, as Deno's permission flags. Plain Node, and Deno. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Environment variables that the command line and the server both read, as patterns. */
export const COMMON_ENVIRONMENT = [
  'URZA_URL',
  'TAMIYO_URL',
  'HTTP_TIMEOUT',
  'RETRY_ATTEMPTS',
  'CACHE_SIZE_MB',
  'MAX_CACHE_ENTRIES',
  'ESPER_*',
  'LOG_LEVEL',
];

/** Those the server reads: of shared/contracts/config.ts. */
export const ENVIRONMENT = [...COMMON_ENVIRONMENT, 'REDIS_URL', 'S3_*', 'DATABASE_*'];

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
 * Deno's permission flags for the server: those of `npm start`, of the tests and of the benchmark.
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
