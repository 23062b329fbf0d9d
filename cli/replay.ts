/** `esper replay`: makes a run again and says whether everything came out the same. */
import type { ReplayReport } from '#shared/workbench/replay-run.ts';
import { replayRun } from '#shared/workbench/replay-run.ts';
import { Bench } from './bench.ts';
import type { ReplayCommandOptions } from './branch-options.ts';
import { grouped } from './progress.ts';
import { openRunSource } from './run-source.ts';
import type { TrainOutput } from './train-options.ts';

export async function runReplay(
  options: ReplayCommandOptions,
  output: TrainOutput,
  stop: AbortSignal,
): Promise<ReplayReport> {
  const source = await openRunSource(options.target, 'replay');
  const bench = new Bench(null, output);
  try {
    const report = await replayRun(await bench.get(), source.storage, {
      ...{ dataset: source.dataset, tolerance: options.tolerance },
      stop: () => stop.aborted,
      onStep: (step, totalSteps) =>
        output.progress({ step, totalSteps, loss: null, accuracy: null, parameters: null }),
    });
    if (report.comparison === 'tolerance') {
      output.warn(
        `the run was made on "${report.recordedAdapter}", this is "${report.adapter}": losses are compared, not bits`,
      );
    }
    if (!report.sameShaders) output.warn('the shaders are not those of the recording');
    return report;
  } finally {
    await bench.close();
    await source.close();
  }
}

/** The report as a person reads it. */
export function replayText(report: ReplayReport): string {
  const { comparison, difference, digests, events, files, status, steps, totalSteps } = report;
  if (difference) {
    const where = difference.seq === null ? '' : ` (event ${difference.seq} of the log)`;
    return [
      `Different: first at step ${grouped(difference.step)}${where}, ${difference.what}`,
      `  recorded  ${difference.recorded}`,
      `  replayed  ${difference.replayed}`,
    ].join('\n');
  }
  const made = `${grouped(steps)} of ${grouped(totalSteps)} steps`;
  if (status === 'interrupted') return `Interrupted after ${made}; no difference until there`;
  const compared =
    comparison === 'bits'
      ? `${grouped(events)} events, ${grouped(digests)} digests of all weights and moments`
      : `${grouped(events)} losses within the tolerance`;
  return [`The same: ${made}`, `  compared  ${compared}, ${grouped(files)} checkpoint files`].join(
    '\n',
  );
}
