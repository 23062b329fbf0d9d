import { expect, it } from 'vitest';
import { InputError } from '../base/errors.ts';
import { Experiment } from '../contracts/experiment.ts';
import { checkPolicy } from './check-policy.ts';

const check = (policy: unknown, growth = {}) => {
  const experiment = Experiment.parse({ name: 'p', data: { source: 'moons' }, policy, growth });
  return () => checkPolicy(experiment, ['fc1', 'fc2']);
};
const entry = { step: 100, layer: 'fc1', blueprint: 'widen-8' };

it.each([
  ['layer', [{ ...entry, layer: 'fc9' }], 'policy.schedule[0].layer": there is no layer "fc9"'],
  ['slot', [entry, { ...entry, slot: 3 }], 'policy.schedule[1].slot": slot 3 does not exist'],
  ['step', [{ ...entry, step: 5000 }], 'policy.schedule[0].step": 5000 is after the last step'],
  ['blueprint', [{ step: 1, layer: 'fc1' }], 'policy.schedule[0].blueprint": it is missing'],
  ['library', [{ ...entry, blueprint: 'widen-0' }], 'the size of "widen" must be in [1, 512]'],
])('refuses a schedule with a faulty %s', (_name, schedule, message) => {
  expect(check({ kind: 'schedule', schedule })).toThrow(InputError);
  expect(check({ kind: 'schedule', schedule })).toThrow(message);
});

it('accepts what can be done', () => {
  expect(
    check({ kind: 'schedule', schedule: [entry, { ...entry, action: 'cull' }] }),
  ).not.toThrow();
  expect(check({ kind: 'uniform', blueprint: 'widen-8' })).not.toThrow();
  // With growth off nothing of it will be used.
  expect(check({ kind: 'uniform', blueprint: 'nope' }, { enabled: false })).not.toThrow();
});

it('refuses sizes without times, spans that end first, and blueprints not on offer', () => {
  expect(check({ kind: 'random', sizes: [5] })).toThrow('policy.sizes": it has 1 sizes');
  expect(check({ kind: 'uniform', from: 9, until: 3 })).toThrow('3 is before "policy.from", 9');
  const offered = { blueprints: ['low-rank-4'] };
  expect(check({ kind: 'uniform', blueprint: 'widen-8' }, offered)).toThrow('not in "growth.bl');
});

it('refuses gradient-guided growth where its units could not do what they were computed for', () => {
  expect(check({ kind: 'gradmax' }, { blendMode: 'gate' })).toThrow(
    'set "growth.blendMode" to "add"',
  );
  expect(check({ kind: 'gradmax' })).not.toThrow();
  expect(check({ kind: 'tiny' })).toThrow('set "growth.reach" to "span"');
  expect(check({ kind: 'tiny' }, { reach: 'span' })).not.toThrow();
  const experiment = Experiment.parse({
    ...{ name: 'p', data: { source: 'moons' }, policy: { kind: 'gradmax' } },
  });
  expect(() => checkPolicy(experiment, ['fc1', 'bn1'], ['bn1'])).toThrow(
    '"gradmax" looks at the gradient of a layer\'s matrix, and "bn1" has none; leave it out of "growth.layers"',
  );
});
