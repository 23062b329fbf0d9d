/**
 * Writes the JSON Schemas in experiments/ from the Zod contracts, for editors.
 *
 *   npx deno run --allow-read --allow-write=experiments tools/generate-schema.ts    write them
 *   npx deno run --allow-read tools/generate-schema.ts --check    exit with 1 when one is out of date
 */
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { blueprintJsonSchema } from '../shared/blueprints/blueprint-schema.ts';
import { experimentJsonSchema } from '../shared/data/experiment-schema.ts';
import { verdictJsonSchema } from '../shared/verdict/verdict-schema.ts';

/** Each schema file with the contract it is made from. */
const SCHEMAS = [
  ['experiments/experiment.schema.json', experimentJsonSchema(), 'shared/contracts/experiment.ts'],
  ['experiments/blueprint.schema.json', blueprintJsonSchema(), 'shared/contracts/blueprint.ts'],
  ['experiments/verdict.schema.json', verdictJsonSchema(), 'shared/contracts/verdict.ts'],
] as const;

for (const [path, schema, contract] of SCHEMAS) {
  const target = new URL(`../${path}`, import.meta.url);
  const current = `${JSON.stringify(schema, null, 2)}\n`;
  if (!process.argv.includes('--check')) {
    await writeFile(target, current);
    console.log(`Wrote ${path}`);
    continue;
  }
  const stored = await readFile(target, 'utf8').catch(() => '');
  if (stored !== current) {
    console.error(
      `${path} does not match ${contract}; run: npx deno run --allow-read --allow-write=experiments tools/generate-schema.ts`,
    );
    process.exitCode = 1;
  }
}
