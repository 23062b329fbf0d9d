/** SHA-256 of the program's own sources, so that a verdict names the code it was made with. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '#shared/base/canonical.ts';

const SHARED = fileURLToPath(new URL('../shared', import.meta.url));

/** Over all of shared/ that is no test, by path; line endings of a checkout do not count. */
export async function codeDigest(): Promise<string> {
  const entries = (await readdir(SHARED, { recursive: true })).map((p) => p.replaceAll('\\', '/'));
  const sources = entries.filter(
    (p) => /\.ts$/.test(p) && !/\.test\.ts$|_deno_test\.ts$|(^|\/)_test-|test-support/.test(p),
  );
  const parts = await Promise.all(
    sources.sort().map(async (path) => {
      const text = await readFile(`${SHARED}/${path}`, 'utf8');
      return `${path} ${await sha256Hex(text.replaceAll('\r\n', '\n'))}`;
    }),
  );
  return await sha256Hex(parts.join('\n'));
}
