/**
 * `esper train`: finds the experiment, takes the run folder, trains there and says how it ended.
 * Knows nothing of terminals or signals; see train-options.ts.
 */
import { InputError, messageOf } from '#shared/base/errors.ts';
import type { Experiment } from '#shared/contracts/experiment.ts';
import { loadDataset } from '#shared/data/dataset.ts';
import { diskFiles, fileRunStorage, sweepTemporaries } from '#shared/platform/deno.ts';
import { EXPERIMENT_FILE } from '#shared/tolaria/trainer.ts';
import { copyRun } from '#shared/workbench/branch-run.ts';
import { openCapsule } from '#shared/workbench/capsule.ts';
import { openRun } from '#shared/workbench/open-run.ts';
import { placeFiles } from '#shared/workbench/run-files.ts';
import { Bench } from './bench.ts';
import { dataLine } from './data-line.ts';
import { applyOptions, defaultRunFolder, loadExperiment } from './experiment-source.ts';
import { grouped } from './progress.ts';
import { claimRunFolder, emptyRunFolder } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';
import { isCapsule } from './run-source.ts';
import { checkSameExperiment, parseStored } from './stored-experiment.ts';
import type { RunTrain, TrainOptions } from './train-options.ts';
import { hasCheckpoint, trainRun } from './training.ts';

export const runTrain: RunTrain = async (asked, output, stop) => {
  const options = await unpacked(asked);
  const experiment = await findExperiment(options);
  const folder = options.outDirectory ?? defaultRunFolder(experiment);
  await claimRunFolder(folder, options);
  // Read before anything is asked of the graphics driver: a fault in a file is told at once.
  const dataset = await loadDataset(experiment.data, experiment.seed, diskFiles);
  output.note(`data: ${dataLine(dataset)}`);
  const unlock = await lockRunFolder(folder);
  const bench = new Bench(options.serverUrl, output);
  try {
    await sweepTemporaries(folder);
    let { resume } = options;
    if (resume) {
      const stored = await storedExperiment(folder);
      if (stored) checkSameExperiment(stored, experiment, folder);
      if (!(await hasCheckpoint(folder))) {
        output.note(`"${folder}" has no checkpoint yet: starting at step 0`);
        resume = false;
      }
    }
    if (options.force) {
      // The old run goes only once it is certain that the new one can begin.
      const workbench = { ...(await bench.get()), services: null };
      const trial = { runId: 'trial', experiment, dataset, storage: null, resume: false };
      await (await openRun(workbench, trial)).close();
      await emptyRunFolder(folder);
    }
    const result = await trainRun({
      bench,
      experiment,
      dataset,
      runId: runIdOf(folder),
      folder,
      resume,
      output,
      stop,
      warmUp: options.warmUp,
      onReady({ trainer }) {
        output.note(`run folder: ${folder}`);
        const { step } = trainer;
        if (!resume) return;
        output.note(
          step >= experiment.steps
            ? `this run has already made all its ${grouped(step)} steps; measuring it again`
            : `resumed at step ${grouped(step)} of ${grouped(experiment.steps)}`,
        );
      },
      async onDone({ trainer }) {
        if (!options.profile) return;
        output.note('timing the kernels of a training step');
        try {
          output.kernelTimes(await trainer.kernelTimes());
        } catch (error) {
          // The run itself is done and saved.
          output.warn(`the kernels could not be timed: ${messageOf(error)}`);
        }
      },
    });
    if (options.profile && result.status !== 'done') {
      output.note('kernels not timed: only a run that has made all its steps is');
    }
    if (result.status === 'interrupted') {
      output.note(
        `saved at step ${grouped(result.steps)} of ${grouped(experiment.steps)}; to go on: ` +
          `npx esper train --resume --out ${quoted(folder)}`,
      );
    }
    return result;
  } finally {
    await bench.close();
    await unlock();
  }
};

/** A capsule becomes a run folder, and is then resumed as any other. */
async function unpacked(options: TrainOptions): Promise<TrainOptions> {
  const { force, outDirectory, target } = options;
  if (target === null || !isCapsule(target)) return options;
  const { manifest, storage } = await openCapsule(await diskFiles.read(target), target);
  const folder = outDirectory ?? `runs/${manifest.run}`;
  await claimRunFolder(folder, { resume: false, force });
  const unlock = await lockRunFolder(folder);
  try {
    if (force) await emptyRunFolder(folder);
    const own = fileRunStorage(folder);
    await copyRun(storage, own);
    await placeFiles(storage, own, folder);
    await own.close();
  } finally {
    await unlock();
  }
  return { ...options, target: null, outDirectory: folder, force: false, resume: true };
}

/** The experiment that was named, or with `--resume --out DIR` alone, the one in the run folder. */
async function findExperiment(options: TrainOptions): Promise<Experiment> {
  const { outDirectory, target } = options;
  if (target !== null) return loadExperiment({ ...options, target }, diskFiles);
  const folder = outDirectory ?? '';
  // Says what is wrong with the folder where there is no run in it.
  await claimRunFolder(folder, { resume: true, force: false });
  const stored = await storedExperiment(folder);
  if (!stored) {
    throw new InputError(
      `Cannot resume "${folder}": its ${EXPERIMENT_FILE} is missing; name the experiment file or preset`,
    );
  }
  return applyOptions(stored, options);
}

async function storedExperiment(folder: string): Promise<Experiment | null> {
  const storage = fileRunStorage(folder);
  const bytes = await storage.blobs.read(EXPERIMENT_FILE);
  await storage.close();
  return bytes ? parseStored(bytes, `${folder}/${EXPERIMENT_FILE}`) : null;
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./:@%+,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** The folder's own name, as an id the server accepts. */
function runIdOf(folder: string): string {
  const name = folder.split(/[/\\]/).filter(Boolean).slice(-2).join('-');
  return name.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'run';
}
