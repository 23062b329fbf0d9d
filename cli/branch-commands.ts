/** Help and options of the commands that look back into a run; see commands.ts. */
import type { CommandSpec } from './commands.ts';

const JSON_LAST = { help: 'one JSON object a line on stdout; the last is the result' };

export const BRANCH_COMMANDS: Readonly<Record<string, CommandSpec>> = {
  replay: {
    summary: 'Make a run again from its log and compare every event and digest',
    operands: 'DIR|FILE.capsule',
    options: {
      tolerance: {
        value: 'SHARE',
        help: 'on another adapter, compare losses within this share instead of bits',
      },
      json: JSON_LAST,
    },
    details: [
      'Reads the run only. Ends with 1 when something differs, and names the first step at which',
      'it does: an event, the digest of all weights and moments, or a checkpoint file.',
      '',
      'Examples:',
      '  npx esper replay runs/a',
      '  npx esper replay a.capsule --tolerance 0.05 --json',
    ],
  },
  rewind: {
    summary: 'Take a run back to a step; what came after is removed from it',
    operands: 'DIR',
    options: { at: { value: 'STEP', help: 'step to go back to' }, json: JSON_LAST },
    details: [
      'The state is reached from the nearest checkpoint before the step, to the same bits.',
      'npx esper train --resume --out DIR goes on from there. To keep the run as it is, fork it.',
      '',
      'Example:',
      '  npx esper rewind runs/a --at 500',
    ],
  },
  fork: {
    summary: 'Branch a run off at a step, with an event left out, changed or added',
    operands: 'DIR|FILE.capsule',
    options: {
      at: { value: 'STEP', help: 'step of the fork (default: that of the change)' },
      without: {
        value: 'EVENT',
        help: 'leave out this event: its number in the log, or a seed: s1',
      },
      with: { value: 'FILE', help: 'add the commands of this JSON file' },
      policy: { help: 'let the policy decide after the fork, not the log' },
      out: { value: 'DIR', help: 'folder of the fork (default: DIR-fork-STEP)' },
      paused: { help: 'stop at the step of the fork; train --resume goes on' },
      json: JSON_LAST,
    },
    details: [
      'The fork goes on as the log of its parent says, but for the change; with --policy, or with',
      'no change, its policy decides. Without its one germination it has the bits of a run in which',
      'that seed never was. An event is changed by leaving it out and adding another.',
      '',
      'A file of commands: [{"step": 600, "command": {"kind": "germinate", "layerId": "fc1",',
      '"slot": 0, "blueprint": "low-rank-2"}}]; kinds are germinate, advance, fossilize, cull,',
      'setAlpha (alpha) and setLearningRate (learningRate).',
      '',
      'Examples:',
      '  npx esper fork runs/a --without s1',
      '  npx esper fork runs/a --at 500 --with commands.json --out runs/b',
    ],
  },
  twin: {
    summary: 'Measure what a seed was worth beside a twin that never had it',
    operands: 'DIR',
    options: {
      seed: { value: 'ID', help: 'seed, such as s1 (default: every one that germinated)' },
      steps: {
        value: 'N',
        help: 'steps after germination (default: as many as there are, to 1000)',
      },
      json: JSON_LAST,
    },
    details: [
      'Run and twin train on the same batches from the germination on; reported are the validation',
      "loss of both, their difference (causal) and the seed's removal beside it. The figures are",
      'kept in the run and logged.',
      '',
      'Example:',
      '  npx esper twin runs/a --seed s1 --steps 500',
    ],
  },
  runs: {
    summary: 'List the runs in a folder, forks under the run they came from',
    operands: '[DIR]',
    options: { json: { help: 'one JSON object a line on stdout, one a run' } },
    details: ['The folder is "runs" where none is named.', '', 'Example:', '  npx esper runs'],
  },
};
