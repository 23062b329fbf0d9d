/**
 * Compares the experiment that a run folder holds with the one that is to go on in it, so that the
 * message can name the setting that differs. Pure.
 */
import { InputError } from '#shared/base/errors.ts';
import type { Experiment } from '#shared/contracts/experiment.ts';
import { parseExperiment } from '#shared/data/experiment-file.ts';

/** Settings that change nothing of what a run computes, or are compared by content. */
const IGNORED = ['$schema', 'name', 'description', 'checkpointEverySteps', 'data'];

/** The experiment in a run folder; its data paths are relative to the working folder. */
export function parseStored(bytes: Uint8Array, path: string): Experiment {
  return parseExperiment(new TextDecoder().decode(bytes), path);
}

/**
 * Data are left to the checkpoint, which knows their content: the same files may have moved.
 *
 * @throws {InputError} Naming the first setting that differs.
 */
export function checkSameExperiment(stored: Experiment, now: Experiment, folder: string): void {
  const before = comparable(stored, stored);
  const after = comparable(now, stored);
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (IGNORED.includes(key.split('.')[0]!) || before[key] === after[key]) continue;
    throw new InputError(
      `Cannot resume "${folder}": it was started with "${key}" ${before[key] ?? 'unset'}, now it is ` +
        `${after[key] ?? 'unset'}; give the options of its start, or name another folder with --out`,
    );
  }
}

/** Every setting by its dotted name, as JSON text. */
function comparable(experiment: Experiment, stored: Experiment): Record<string, string> {
  const { growth } = experiment;
  // A run records the blueprints that its host may choose from where the file left them open.
  const blueprints = growth.blueprints ?? stored.growth.blueprints;
  const whole = { ...experiment, growth: { ...growth, ...(blueprints ? { blueprints } : {}) } };
  const flat: Record<string, string> = {};
  const walk = (value: unknown, name: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, name ? `${name}.${key}` : key);
    } else if (value !== undefined) flat[name] = JSON.stringify(value);
  };
  walk(whole, '');
  return flat;
}
