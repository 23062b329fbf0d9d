/** What the process of a job may touch: the server, its own folder, the kernel cache. */

/** Environment variables a job reads. */
const ENVIRONMENT = [
  'HTTP_TIMEOUT',
  'RETRY_ATTEMPTS',
  'CACHE_SIZE_MB',
  'MAX_CACHE_ENTRIES',
  'ESPER_TOKEN',
  'LOG_LEVEL',
];

/** Deno's flags. Data files of an experiment are read from the worker's working folder only. */
export function jobPermissions(serverUrl: string, folder: string): string[] {
  const url = new URL(serverUrl);
  const port = url.port || (url.protocol === 'https:' ? 443 : 80);
  return [
    '--no-prompt',
    '--allow-read=.',
    `--allow-write=${folder},.esper/kernels`,
    `--allow-net=${url.hostname}:${port}`,
    `--allow-env=${ENVIRONMENT.join(',')}`,
    '--ignore-env',
  ];
}
