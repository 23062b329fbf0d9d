/** Arguments of the commands that look back into a run: replay, rewind, fork, twin, runs. Pure. */
import { InputError } from '#shared/base/errors.ts';
import { expectAtMost, integer, share, text, type Values } from './argument-values.ts';
import type {
  ForkCommandOptions,
  ReplayCommandOptions,
  RewindCommandOptions,
  RunsCommandOptions,
  TwinCommandOptions,
} from './branch-options.ts';

export type BranchInvocation =
  | { command: 'replay'; options: ReplayCommandOptions; json: boolean }
  | { command: 'fork'; options: ForkCommandOptions; json: boolean }
  | { command: 'rewind'; options: RewindCommandOptions; json: boolean }
  | { command: 'twin'; options: TwinCommandOptions; json: boolean }
  | { command: 'runs'; options: RunsCommandOptions; json: boolean };

const MAX_STEPS = 10_000_000;

/** @throws {InputError} Missing or superfluous argument, value out of range. */
export function branchInvocation(
  command: BranchInvocation['command'],
  values: Values,
  positionals: readonly string[],
): BranchInvocation {
  const json = !!values['json'];
  expectAtMost(command, positionals, 1);
  if (command === 'runs') return { command, options: { folder: positionals[0] || 'runs' }, json };
  const target = positionals[0];
  if (!target) {
    throw new InputError(
      `Command "${command}" needs a run folder: npx esper ${command} ${EXAMPLES[command]}`,
    );
  }
  if (target.endsWith('.capsule') && (command === 'rewind' || command === 'twin')) {
    throw new InputError(
      `Cannot ${command} a capsule, which never changes: unpack it with npx esper train ${target} --out DIR`,
    );
  }
  const at = integer('at', values['at'], 0, MAX_STEPS);
  switch (command) {
    case 'replay':
      return {
        command,
        options: { target, tolerance: share('tolerance', values['tolerance']) },
        json,
      };
    case 'rewind':
      if (at === null) {
        throw new InputError('Command "rewind" needs a step: add --at with the step to go back to');
      }
      return { command, options: { folder: target, at }, json };
    case 'twin': {
      const steps = integer('steps', values['steps'], 1, MAX_STEPS);
      return { command, options: { folder: target, seed: text(values['seed']), steps }, json };
    }
    case 'fork':
      return { command, options: forkOptions(target, at, values), json };
  }
}

const EXAMPLES = {
  replay: 'runs/a',
  rewind: 'runs/a --at 500',
  fork: 'runs/a --without s1',
  twin: 'runs/a --seed s1',
};

function forkOptions(target: string, at: number | null, values: Values): ForkCommandOptions {
  const without = text(values['without']);
  const withFile = text(values['with']);
  if (at === null && without === null && withFile === null) {
    throw new InputError(
      'Command "fork" needs a step or a change: add --at STEP, --without EVENT or --with FILE',
    );
  }
  return {
    ...{ target, at, without, withFile },
    // Without a change, going on as before would only make the same run again.
    future: values['policy'] || (without === null && withFile === null) ? 'policy' : 'schedule',
    outDirectory: text(values['out']),
    paused: !!values['paused'],
  };
}
