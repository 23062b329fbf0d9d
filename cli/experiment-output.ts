/** What a person or a program sees of `esper experiment`; built on the output of single runs. */

import type { ExperimentFinished, ExperimentRun } from './experiment-options.ts';
import { experimentTable } from './experiment-table.ts';
import { createOutput, type OutputOptions } from './output.ts';
import { duration, grouped, percent } from './progress.ts';
import type { TrainOutput } from './train-options.ts';

export interface ExperimentOutput extends TrainOutput {
  /** A run of the comparison has ended. */
  run(run: ExperimentRun): void;
  finish(runs: readonly ExperimentRun[], result: ExperimentFinished): void;
  /** Removes the bar, so that an error message starts on a clean line. */
  close(): void;
}

export function createExperimentOutput(options: OutputOptions): ExperimentOutput {
  const { json, stdout } = options;
  const base = createOutput({ ...options, json: false });
  return {
    progress: base.progress,
    work: base.work,
    note: base.note,
    warn: base.warn,
    close: base.close,
    // Of the many events of many runs, only what went wrong is worth a line.
    event(event) {
      if (event.type === 'governor' || (event.type === 'notice' && event.level !== 'info')) {
        base.event(event);
      }
    },
    run(run) {
      if (json) stdout.write(`${JSON.stringify(run)}\n`);
      base.note(runLine(run));
    },
    finish(runs, result) {
      base.close();
      stdout.write(`${json ? JSON.stringify(result) : experimentTable(runs, result)}\n`);
    },
  };
}

function runLine(run: ExperimentRun): string {
  const name = `seed ${run.seed}, ${run.network === 'host' ? 'host alone' : 'grown'}`;
  if (run.status === 'failed') return `${name}: failed: ${run.message ?? 'no reason given'}`;
  const figures = [
    `test accuracy ${percent(run.testAccuracy)}`,
    `${grouped(run.parameters)} parameters`,
    duration(run.seconds),
  ];
  return `${name}: ${figures.join(', ')}`;
}
