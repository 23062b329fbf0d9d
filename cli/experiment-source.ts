/**
 * Finds the experiment that `esper train` names, a preset or a file, and applies the options that
 * replace its settings.
 */
import { InputError } from '#shared/base/errors.ts';
import { Experiment, type Numerics } from '#shared/contracts/experiment.ts';
import { closestWord } from '#shared/data/closest-word.ts';
import { parseExperiment, resolveDataPaths } from '#shared/data/experiment-file.ts';
import { PRESETS } from '#shared/data/presets.ts';
import type { FileReader } from '#shared/platform/platform.ts';
import { inlineBlueprints } from '#shared/workbench/blueprint-files.ts';

/** The options that replace settings of the experiment; absent or null: they stay. */
export interface Replacements {
  seed?: number | null;
  steps?: number | null;
  replicas?: number | null;
  numerics?: Numerics | null;
  /** False: the starting host alone. */
  growth?: boolean;
}

/**
 * Reads and completes the experiment. Data paths are relative to the working folder afterwards.
 *
 * A name with a slash, a backslash or an ending is a file; anything else is a preset, so that a
 * file in the working folder can never hide one.
 *
 * @throws {InputError} Unknown preset (with the nearest name), missing or faulty file.
 */
export async function loadExperiment(
  options: Replacements & { target: string },
  files: FileReader,
): Promise<Experiment> {
  const { target } = options;
  const experiment = isFile(target) ? await readFile(target, files) : preset(target);
  return applyOptions(experiment, options);
}

export function applyOptions(
  experiment: Experiment,
  { seed = null, steps = null, replicas = null, numerics = null, growth = true }: Replacements,
): Experiment {
  // The default is absent, so that the experiment keeps its identity.
  const { numerics: own, ...rest } = experiment;
  const wanted = numerics ?? own ?? 'f32';
  return {
    ...rest,
    ...(wanted === 'f32' ? {} : { numerics: wanted }),
    ...(seed === null ? {} : { seed }),
    ...(steps === null ? {} : { steps }),
    ...(replicas === null ? {} : { replicas }),
    ...(growth ? {} : { growth: { ...experiment.growth, enabled: false } }),
  };
}

/** Run folder of an experiment when `--out` names none. */
export function defaultRunFolder({ name, seed }: Pick<Experiment, 'name' | 'seed'>): string {
  return `runs/${name}-${seed}`;
}

function isFile(target: string): boolean {
  return /[/\\]|\.[a-z0-9]+$|^\.+$/i.test(target);
}

function preset(name: string): Experiment {
  const input = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (input) return Experiment.parse(input);
  const names = Object.keys(PRESETS);
  const guess = closestWord(name, names);
  const presets = `presets are ${names.join(', ')}; a file is named with its ending: ${name}.json`;
  throw new InputError(`Unknown preset "${name}": ${guess ? `did you mean "${guess}"?` : presets}`);
}

async function readFile(path: string, files: FileReader): Promise<Experiment> {
  const bytes = await files.read(path);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError(`Cannot read "${path}": it is not UTF-8 text; save it as UTF-8`, {
      cause: error,
    });
  }
  const folder = /^(.*)[/\\][^/\\]*$/.exec(path)?.[1];
  // A file in the root folder has an empty folder part, which would mean "as written".
  const base = folder === '' ? '/' : (folder ?? '');
  const experiment = resolveDataPaths(parseExperiment(text, path), base);
  return inlineBlueprints(experiment, base, files);
}
