/** What a person or a program sees of a suite. */
import type { SuiteResult } from '#shared/contracts/verdict.ts';
import { suiteText } from '#shared/verdict/suites/suite.ts';
import { createOutput, type OutputOptions } from './output.ts';
import type { TrainOutput } from './train-options.ts';

export interface SuiteOutput {
  base: TrainOutput;
  note(message: string): void;
  finish(result: SuiteResult): void;
  close(): void;
}

export function createSuiteOutput(options: OutputOptions): SuiteOutput {
  const base = createOutput({ ...options, json: false });
  return {
    base,
    note: base.note,
    close: base.close,
    finish(result) {
      base.close();
      options.stdout.write(`${options.json ? JSON.stringify(result) : suiteText(result)}\n`);
    },
  };
}
