/** Whether what a policy names exists in the run: told before the first step, not when it is due. */
import { InputError, messageOf } from '../base/errors.ts';
import { blueprintFinder } from '../blueprints/own-blueprints.ts';
import type { Experiment } from '../contracts/experiment.ts';

/**
 * @param layers Names of the layers that carry slots.
 * @param plain Names of those among them that have no matrix of their own: norm and attention.
 * @throws {InputError} Naming the entry and what there is:
 *   `Cannot use "policy.schedule[0].layer": there is no layer "fc9"; slots are on fc1, fc2`
 */
export function checkPolicy(
  experiment: Experiment,
  layers: readonly string[],
  plain: readonly string[] = [],
): void {
  const { growth, policy } = experiment;
  if (!growth.enabled) return;
  const refuse = (key: string, why: string): never => {
    throw new InputError(`Cannot use "policy.${key}": ${why}`);
  };
  const find = blueprintFinder(growth.ownBlueprints);
  const blueprint = (key: string, name: string) => {
    try {
      find(name);
    } catch (error) {
      refuse(key, messageOf(error));
    }
  };
  if (policy.kind === 'uniform' && policy.blueprint !== undefined) {
    blueprint('blueprint', policy.blueprint);
    const offered = growth.blueprints;
    if (offered && !offered.includes(policy.blueprint)) {
      refuse('blueprint', `"${policy.blueprint}" is not in "growth.blueprints"; add it there`);
    }
  }
  if (policy.kind === 'uniform' && policy.from !== undefined && policy.until !== undefined) {
    if (policy.until < policy.from) {
      refuse('until', `${policy.until} is before "policy.from", ${policy.from}`);
    }
  }
  if (policy.kind === 'random' && policy.sizes && policy.sizes.length !== policy.at?.length) {
    refuse('sizes', `it has ${policy.sizes.length} sizes, "policy.at" ${policy.at?.length ?? 0}`);
  }
  if (policy.kind === 'gradmax' || policy.kind === 'tiny') {
    if (growth.blendMode !== 'add') {
      refuse(
        'kind',
        `"${policy.kind}" computes units that are added to their host; set "growth.blendMode" to "add"`,
      );
    }
    const [without] = plain;
    if (without !== undefined) {
      refuse(
        'kind',
        `"${policy.kind}" looks at the gradient of a layer's matrix, and "${without}" has none; leave it out of "growth.layers"`,
      );
    }
    if (policy.kind === 'tiny' && growth.reach !== 'span') {
      refuse(
        'kind',
        '"tiny" finds what a layer cannot do itself, and seeds that read the same input cannot ' +
          'either; set "growth.reach" to "span"',
      );
    }
  }
  if (policy.kind !== 'schedule') return;
  policy.schedule.forEach((entry, i) => {
    const at = `schedule[${i}]`;
    if (!layers.includes(entry.layer)) {
      const there = layers.join(', ') || 'no layer';
      refuse(`${at}.layer`, `there is no layer "${entry.layer}"; slots are on ${there}`);
    }
    if (entry.slot >= growth.slotsPerLayer) {
      const slots = `"growth.slotsPerLayer" is ${growth.slotsPerLayer}`;
      refuse(`${at}.slot`, `slot ${entry.slot} does not exist; ${slots}`);
    }
    if (entry.step > experiment.steps) {
      refuse(`${at}.step`, `${entry.step} is after the last step, ${experiment.steps}`);
    }
    if (entry.action !== 'germinate') return;
    if (entry.blueprint === undefined) {
      refuse(`${at}.blueprint`, 'it is missing; name what shall germinate');
    } else {
      blueprint(`${at}.blueprint`, entry.blueprint);
    }
  });
}
