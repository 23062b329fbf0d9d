/** `esper export`: reads a run folder and writes one file for another program. Needs no adapter. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import { EXPORT_FORMATS } from '#shared/export/export-formats.ts';
import { fileRunStorage, writeFileAtomic } from '#shared/platform/deno.ts';
import { EXPERIMENT_FILE } from '#shared/tolaria/trainer.ts';
import { writeCapsule } from '#shared/workbench/capsule.ts';
import { storedRun } from '#shared/workbench/stored-run.ts';
import type { ExportOptions, ExportWritten } from './export-options.ts';
import { expectRun } from './run-folder.ts';
import { parseStored } from './stored-experiment.ts';

/**
 * @throws {InputError} If the folder holds no run, the run lacks what the format needs, or the file
 *   is there already.
 */
export async function runExport(options: ExportOptions): Promise<ExportWritten> {
  const { folder, force, format, replica } = options;
  await expectRun(folder, 'export');
  const storage = fileRunStorage(folder);
  try {
    const stored = await storage.blobs.read(EXPERIMENT_FILE);
    if (!stored) {
      throw new InputError(
        `Cannot export "${folder}": its ${EXPERIMENT_FILE} is missing; restore it from a copy`,
      );
    }
    const experiment = parseStored(stored, `${folder}/${EXPERIMENT_FILE}`);
    const runId = basename(resolve(folder));
    const source = {
      ...(await storedRun(storage, { experiment, folder, replica, runId })),
      capsule: () => writeCapsule(storage, runId),
    };
    const target = EXPORT_FORMATS[format];
    const out = options.outPath ?? join(folder, '..', `${runId}.${target.extension}`);
    const name = target.fileName?.(source);
    const path = name ? join(out, name) : out;
    if (!force && existsSync(path)) {
      throw new InputError(
        `Cannot write "${path}": it is there already; add --force to replace it, or name another with --out`,
      );
    }
    const bytes = await target.write(source);
    await writeFileAtomic(path, bytes);
    return { type: 'export.written', format, path, bytes: bytes.byteLength };
  } finally {
    await storage.close();
  }
}
