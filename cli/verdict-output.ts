/** What a person or a program sees of `esper verdict`; built on the output of single runs. */
import type { ArmRun, VerdictProgress, VerdictReport } from '#shared/contracts/verdict.ts';
import { ARM_LABELS } from '#shared/verdict/report-charts.ts';
import { reportText } from '#shared/verdict/report-text.ts';
import { createOutput, type OutputOptions } from './output.ts';
import { duration, grouped, percent } from './progress.ts';
import type { TrainOutput } from './train-options.ts';

export interface VerdictOutput {
  /** For the adapter and its kernel cache. */
  base: TrainOutput;
  progress(progress: VerdictProgress): void;
  note(message: string): void;
  run(run: ArmRun): void;
  finish(report: VerdictReport, folder: string): void;
  close(): void;
}

export function createVerdictOutput(options: OutputOptions): VerdictOutput {
  const { json, stdout } = options;
  const base = createOutput({ ...options, json: false });
  return {
    base,
    note: base.note,
    close: base.close,
    progress({ arm, done, seeds, total }) {
      const range = seeds.length > 1 ? `seeds ${seeds[0]} to ${seeds.at(-1)}` : `seed ${seeds[0]}`;
      base.progress({
        step: done,
        totalSteps: total,
        label: `${ARM_LABELS[arm]}, ${range}`,
        loss: null,
        accuracy: null,
        parameters: null,
      });
    },
    run(run) {
      // The curve and the history are in the folder; a line a run is for watching.
      const { curve: _curve, history: _history, ...rest } = run;
      if (json) stdout.write(`${JSON.stringify({ type: 'verdict.run', ...rest })}\n`);
      base.note(runLine(run));
    },
    finish(report, folder) {
      base.close();
      stdout.write(`${json ? JSON.stringify(report) : reportText(report)}\n`);
      base.note(`report: ${folder}/report.html, ${folder}/report.json`);
    },
  };
}

function runLine(run: ArmRun): string {
  const name = `${ARM_LABELS[run.arm]}, seed ${run.seed}`;
  if (run.status === 'failed')
    return `${name}: failed: ${run.problems.at(-1) ?? 'no reason given'}`;
  const figures = [
    `test accuracy ${percent(run.accuracy)}`,
    `${grouped(run.parameters)} parameters`,
    `${grouped(run.steps)} steps`,
    duration(run.seconds),
  ];
  return `${name}: ${figures.join(', ')}`;
}
