/**
 * Checks the whole project against tools/import-rules.ts.
 *
 * Usage: deno run --allow-read tools/check-imports.ts
 */
import { checkImports } from './import-check.ts';

const ROOT = new URL('../', import.meta.url);
const FOLDERS = [
  'shaders',
  'shared',
  'server',
  'web',
  'cli',
  'experiments',
  'tests',
  'bench',
  'tools',
];

async function collect(folder: string, sources: Map<string, string>): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}${name}`;
    if (isDirectory) await collect(`${path}/`, sources);
    else if (/(?<!\.d)\.tsx?$/.test(name)) {
      sources.set(path, await Deno.readTextFile(new URL(path, ROOT)));
    }
  }
}

const sources = new Map<string, string>();
for (const folder of FOLDERS) {
  try {
    await collect(`${folder}/`, sources);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
const messages = checkImports(sources);
for (const message of messages) console.error(message);
console.log(`${sources.size} files, ${messages.length} violations`);
Deno.exit(messages.length > 0 ? 1 : 0);
