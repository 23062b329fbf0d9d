/** A small run whose seed germinates early, so that tests meet every stage within seconds. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExperimentInput } from '#shared/contracts/experiment.ts';
import type { Outcome } from './esper-process.ts';

export const SMALL: ExperimentInput = {
  name: 'small',
  steps: 2200,
  batchSize: 32,
  intervalSteps: 200,
  evaluateEverySteps: 400,
  checkpointEverySteps: 200,
  data: { source: 'circles', samples: 200, noise: 0.05 },
  host: { kind: 'mlp', hidden: [1], activation: 'tanh' },
  growth: {
    blueprints: ['residual-mlp-4'],
    layers: ['fc1'],
    maxSeeds: 1,
    alphaSteps: 400,
    trainingSteps: 200,
    holdingSteps: 100,
  },
  policy: {
    kind: 'heuristic',
    settings: { plateauPatience: 1, plateauImprovement: 0.9, warmupSteps: 1 },
  },
};

export async function writeExperiment(
  cwd: string,
  change: Partial<ExperimentInput> = {},
): Promise<void> {
  const text = JSON.stringify({ ...SMALL, ...change }, null, 2);
  await writeFile(join(cwd, `${change.name ?? SMALL.name}.json`), text);
}

/** Every line of `--json` output as an object; fails on a line that is none. */
export function jsonLines({ stdout }: Outcome): Record<string, unknown>[] {
  const lines = stdout.split('\n');
  assert.equal(lines.pop(), '', 'the last line ends with a line feed');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The last line of `--json` output. */
export function lastLine(outcome: Outcome): Record<string, unknown> {
  const last = jsonLines(outcome).at(-1);
  assert.ok(last, `there is no output: ${outcome.stderr}`);
  return last;
}
