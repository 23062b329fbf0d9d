/**
 * `esper experiment`: trains the starting host alone and the network that grows from it on the
 * same data with the same seed, for several seeds, and compares their test accuracies.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import type { Experiment } from '#shared/contracts/experiment.ts';
import { type Dataset, loadDataset } from '#shared/data/dataset.ts';
import { diskFiles, writeFileAtomic } from '#shared/platform/deno.ts';
import { Bench } from './bench.ts';
import { dataLine } from './data-line.ts';
import {
  type ExperimentFinished,
  type ExperimentOptions,
  type ExperimentRun,
  NETWORKS,
  type NetworkKind,
} from './experiment-options.ts';
import type { ExperimentOutput } from './experiment-output.ts';
import { applyOptions, loadExperiment } from './experiment-source.ts';
import { judgeExperiment } from './experiment-table.ts';
import { trainRun } from './training.ts';

/**
 * @param stop Aborted when the person asks to stop: the run under way is ended, what is complete
 *   is judged.
 * @throws {InputError} Bad experiment, data or folder: exit code 2.
 * @throws {NoAdapterError} No usable adapter: exit code 3.
 */
export async function runExperiment(
  options: ExperimentOptions,
  output: ExperimentOutput,
  stop: AbortSignal,
): Promise<{ runs: ExperimentRun[]; result: ExperimentFinished }> {
  const base = await loadExperiment({ target: options.target, steps: options.steps }, diskFiles);
  const firstSeed = options.firstSeed ?? base.seed;
  checkGrows(base);
  checkSeeds(firstSeed, options.seeds);
  if (options.outDirectory !== null) await claimFolder(options.outDirectory);
  const firstData = await loadDataset(base.data, firstSeed, diskFiles);
  output.note(`data: ${dataLine(firstData)}`);
  const bench = new Bench(null, output);
  const began = performance.now();
  const runs: ExperimentRun[] = [];
  try {
    const { backend } = await bench.get();
    for (let i = 0; i < options.seeds && !stop.aborted; i++) {
      const seed = firstSeed + i;
      const dataset = i === 0 ? firstData : await loadDataset(base.data, seed, diskFiles);
      for (const network of NETWORKS) {
        if (stop.aborted) break;
        const which = { dataset, network, seed, runsBefore: runs.length };
        const run = await trainOne(bench, base, which, options, output, stop);
        if (run === null) break;
        runs.push(run);
        output.run(run);
      }
    }
    const result = judgeExperiment(runs, options, {
      name: base.name,
      steps: base.steps,
      firstSeed,
      adapter: backend.adapter.name,
      seconds: (performance.now() - began) / 1000,
      interrupted: stop.aborted && runs.length < NETWORKS.length * options.seeds,
    });
    if (options.outDirectory !== null) {
      const text = `${JSON.stringify({ ...result, runs }, null, 2)}\n`;
      const path = join(options.outDirectory, 'results.json');
      await writeFileAtomic(path, new TextEncoder().encode(text));
    }
    return { runs, result };
  } finally {
    await bench.close();
  }
}

interface Which {
  dataset: Dataset;
  network: NetworkKind;
  seed: number;
  /** Runs of the comparison that have ended. */
  runsBefore: number;
}

/** @returns Null: stopped before its end. */
async function trainOne(
  bench: Bench,
  base: Experiment,
  { dataset, network, runsBefore, seed }: Which,
  { outDirectory, seeds }: ExperimentOptions,
  output: ExperimentOutput,
  stop: AbortSignal,
): Promise<ExperimentRun | null> {
  const experiment = applyOptions(base, { seed, growth: network === 'grown' });
  const { steps } = experiment;
  const runId = `seed-${seed}-${network}`;
  const label = `seed ${seed} ${network === 'host' ? 'host alone' : 'grown'}`;
  const finished = await trainRun({
    bench,
    experiment,
    dataset,
    runId,
    folder: outDirectory === null ? null : join(outDirectory, runId),
    resume: false,
    output: {
      ...output,
      // One bar over all runs: the time left is that of the whole comparison.
      progress: (p) =>
        output.progress({
          ...p,
          label,
          step: runsBefore * steps + p.step,
          totalSteps: NETWORKS.length * seeds * steps,
        }),
    },
    stop,
  });
  if (finished.status === 'interrupted') return null;
  const { type: _type, seq: _seq, step: _step, time: _time, status, ...rest } = finished;
  return { type: 'experiment.run', seed, network, status, ...rest };
}

function checkGrows({ growth, name, policy }: Experiment): void {
  if (growth.enabled && policy.kind !== 'none' && policy.kind !== 'manual') return;
  const key = growth.enabled ? '"policy.kind"' : '"growth.enabled"';
  const value = growth.enabled ? `"${policy.kind}"` : 'false';
  throw new InputError(
    `Cannot compare growth with the host of "${name}": ${key} is ${value}, so nothing would grow; ` +
      `set it to ${growth.enabled ? '"heuristic"' : 'true'}`,
  );
}

function checkSeeds(firstSeed: number, seeds: number): void {
  if (firstSeed + seeds - 1 <= 0xffffffff) return;
  throw new InputError(
    `Cannot use ${seeds} seeds from ${firstSeed} on: the largest seed is 4294967295; set --first-seed`,
  );
}

/** @throws {InputError} If the folder holds anything. */
async function claimFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    throw new InputError(
      `Cannot use "${folder}" for the runs: ${error instanceof Error ? error.message : error}`,
    );
  }
  throw new InputError(
    `Cannot use "${folder}" for the runs: it is not empty; name an empty or new folder with --out`,
  );
}
