/** Reads a verdict file and the experiment it names. */
import { InputError } from '#shared/base/errors.ts';
import type { Experiment } from '#shared/contracts/experiment.ts';
import type { Protocol } from '#shared/contracts/verdict.ts';
import { parseExperiment, resolveDataPaths } from '#shared/data/experiment-file.ts';
import type { FileReader } from '#shared/platform/platform.ts';
import { parseVerdictFile, protocolOf } from '#shared/verdict/protocol.ts';
import { inlineBlueprints } from '#shared/workbench/blueprint-files.ts';
import { loadExperiment } from './experiment-source.ts';

/**
 * @param target Path of the verdict file.
 * @param seeds Replaces the file's number of seeds; null: it stays.
 * @throws {InputError} Missing or faulty file, experiment or protocol.
 */
export async function loadProtocol(
  target: string,
  seeds: number | null,
  files: FileReader,
): Promise<Protocol> {
  const bytes = await files.read(target);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError(`Cannot read "${target}": it is not UTF-8 text; save it as UTF-8`, {
      cause: error,
    });
  }
  const file = parseVerdictFile(text, target);
  const folder = /^(.*)[/\\][^/\\]*$/.exec(target)?.[1] ?? null;
  return protocolOf(file, await experimentOf(file.experiment, target, folder, files), seeds);
}

async function experimentOf(
  named: string | Record<string, unknown>,
  target: string,
  folder: string | null,
  files: FileReader,
): Promise<Experiment> {
  if (typeof named !== 'string') {
    const inline = parseExperiment(JSON.stringify(named, null, 2), `${target}, "experiment"`);
    // A file in the root folder has an empty folder part, which would mean "as written".
    const base = folder === '' ? '/' : (folder ?? '');
    return await inlineBlueprints(resolveDataPaths(inline, base), base, files);
  }
  const isPath = /[/\\]|\.[a-z0-9]+$/i.test(named);
  const isAbsolute = /^([/\\]|[a-z]:[/\\])/i.test(named);
  const path = isPath && folder !== null && !isAbsolute ? `${folder}/${named}` : named;
  return await loadExperiment({ target: path }, files);
}
