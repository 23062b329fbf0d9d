/** Blueprint files that an experiment names, put into the experiment itself. */
import { InputError } from '../base/errors.ts';
import { parseBlueprint } from '../blueprints/own-blueprints.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { joinPath } from '../data/experiment-file.ts';
import type { FileReader } from '../platform/platform.ts';

/** Whether an entry of `growth.blueprints` is a file and not a name. */
export function isBlueprintFile(entry: string): boolean {
  return /[/\\]|\.json$/i.test(entry);
}

/**
 * The experiment with every file of `growth.blueprints` read into `growth.ownBlueprints` and named
 * by its blueprint's name, so that a run needs the files no more.
 *
 * @param folder Folder of the experiment file; empty: the paths are as written.
 * @throws {InputError} If a file is missing or faulty.
 */
export async function inlineBlueprints(
  experiment: Experiment,
  folder: string,
  files: FileReader,
): Promise<Experiment> {
  const { blueprints, ownBlueprints = [] } = experiment.growth;
  if (!blueprints?.some(isBlueprintFile)) return experiment;
  const own = [...ownBlueprints];
  const names: string[] = [];
  for (const entry of blueprints) {
    if (!isBlueprintFile(entry)) {
      names.push(entry);
      continue;
    }
    const path = joinPath(folder, entry);
    const blueprint = parseBlueprint(decode(await files.read(path), path), path);
    own.push(blueprint);
    names.push(blueprint.name);
  }
  const growth = { ...experiment.growth, blueprints: names, ownBlueprints: own };
  return { ...experiment, growth };
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError(`Cannot read "${path}": it is not UTF-8 text; save it as UTF-8`, {
      cause: error,
    });
  }
}
