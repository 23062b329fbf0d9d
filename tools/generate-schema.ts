/**
 * Writes experiments/experiment.schema.json from the Zod contract, for editors.
 *
 *   npx deno run -A tools/generate-schema.ts            write it
 *   npx deno run -A tools/generate-schema.ts --check    exit with 1 when it is out of date
 */
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { experimentJsonSchema } from '../shared/data/experiment-schema.ts';

const target = new URL('../experiments/experiment.schema.json', import.meta.url);
const current = `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`;

if (process.argv.includes('--check')) {
  const stored = await readFile(target, 'utf8').catch(() => '');
  if (stored !== current) {
    console.error(
      'experiments/experiment.schema.json does not match shared/contracts/experiment.ts; ' +
        'run: npx deno run -A tools/generate-schema.ts',
    );
    process.exitCode = 1;
  }
} else {
  await writeFile(target, current);
  console.log('Wrote experiments/experiment.schema.json');
}
