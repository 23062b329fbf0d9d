/** `esper export`: reads a run folder and writes one file for another program. Needs no adapter. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import { EXPORT_FORMATS } from '#shared/export/export-formats.ts';
import { diskFiles, fileRunStorage, writeFileAtomic } from '#shared/platform/deno.ts';
import { EXPERIMENT_FILE } from '#shared/tolaria/trainer.ts';
import { writeCapsule } from '#shared/workbench/capsule.ts';
import { dataParts, FILE_PREFIX } from '#shared/workbench/run-files.ts';
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
    const document = await storage.blobs.read(EXPERIMENT_FILE);
    if (!document) {
      throw new InputError(
        `Cannot export "${folder}": its ${EXPERIMENT_FILE} is missing; restore it from a copy`,
      );
    }
    const experiment = parseStored(document, `${folder}/${EXPERIMENT_FILE}`);
    const runId = basename(resolve(folder));
    const stored = await storedRun(storage, { experiment, folder, replica, runId });
    const source = {
      ...stored,
      capsule: async () => {
        const { events } = stored;
        const carries = (await storage.blobs.list(FILE_PREFIX)).length > 0;
        const parts =
          options.withData || carries ? await dataParts(experiment, events, diskFiles) : new Map();
        return writeCapsule(storage, runId, parts);
      },
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
