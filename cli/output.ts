/**
 * What a person or a program sees of a training run. With `--json` stdout carries one JSON object
 * a line and nothing else; otherwise it carries the summary. Everything else goes to stderr.
 */
import type { RunEvent } from '#shared/contracts/events.ts';
import type { KernelTimes } from '#shared/contracts/kernel-times.ts';
import { kernelTable } from './kernel-table.ts';
import {
  duration,
  figure,
  grouped,
  ProgressMeter,
  percent,
  progressBar,
  progressLine,
  workBar,
  workLine,
} from './progress.ts';
import type { RunFinished, TrainOutput, TrainProgress, WorkProgress } from './train-options.ts';

/** A stream that text is written to. */
export interface TextSink {
  write(text: string): void;
  isTerminal: boolean;
  /** Width in characters; asked at every redraw, since windows are resized. */
  columns(): number;
}

export interface OutputOptions {
  json: boolean;
  stdout: TextSink;
  stderr: TextSink;
  /** Monotonic milliseconds. */
  now: () => number;
}

/** A TrainOutput that can be told how the run ended. */
export interface RunOutput extends TrainOutput {
  /** Prints the times of a profile: a JSON line at once, or a table below the summary. */
  kernelTimes(times: KernelTimes): void;
  /** Prints the result: the last JSON line, or the summary. */
  finish(result: RunFinished): void;
  /** Removes the bar, so that an error message starts on a clean line. */
  close(): void;
}

const CLEAR_LINE = '\r\u001b[2K';

/** Creates the output of one run. */
export function createOutput({ json, stdout, stderr, now }: OutputOptions): RunOutput {
  const steps = new ProgressMeter(stderr.isTerminal);
  const shares = new ProgressMeter(stderr.isTerminal);
  let bar = '';
  let table = '';

  function line(text: string): void {
    if (bar === '') stderr.write(`${text}\n`);
    else stderr.write(`${CLEAR_LINE}${text}\n${bar}`);
  }
  /** Redraws the bar, or prints a line where there is none. */
  function draw(plain: () => string, drawn: (columns: number) => string): void {
    if (!stderr.isTerminal) {
      stderr.write(`${plain()}\n`);
      return;
    }
    bar = drawn(stderr.columns());
    stderr.write(`${CLEAR_LINE}${bar}`);
  }
  function close(): void {
    if (bar !== '') stderr.write(CLEAR_LINE);
    bar = '';
  }

  return {
    progress(progress: TrainProgress) {
      if (!steps.see(progress.step, progress.totalSteps, now())) return;
      const speed = steps.perSecond;
      draw(
        () => progressLine(progress, speed),
        (columns) => progressBar(progress, speed, columns),
      );
    },
    work(progress: WorkProgress) {
      if (!shares.see(progress.share, 1, now())) return;
      const speed = shares.perSecond;
      draw(
        () => workLine(progress, speed),
        (columns) => workBar(progress, speed, columns),
      );
    },
    event(event: RunEvent) {
      if (event.type === 'run.finished') return;
      if (json) stdout.write(`${JSON.stringify(event)}\n`);
      const text = eventLine(event);
      if (text !== null) line(text);
    },
    note: line,
    warn: (message) => line(`warning: ${message}`),
    close,
    kernelTimes(times: KernelTimes) {
      if (json) stdout.write(`${JSON.stringify({ type: 'kernel-times', ...times })}\n`);
      else table = `\n${kernelTable(times)}\n`;
    },
    finish(result: RunFinished) {
      close();
      if (json) {
        // `type` first: it is what people look for in the last line.
        const { type, status, ...rest } = result;
        stdout.write(`${JSON.stringify({ type, status, ...rest })}\n`);
        if (status === 'failed') stderr.write(`esper: ${result.message ?? 'the run failed'}\n`);
        return;
      }
      stdout.write(`${summary(result)}\n${table}`);
    },
  };
}

/** A line for the person about an event, or null where the progress figures say enough. */
export function eventLine(event: RunEvent): string | null {
  const at = `step ${grouped(event.step)}`;
  switch (event.type) {
    case 'transition': {
      const seed = event.seedId ?? 'seed';
      const blueprint = event.blueprint ? ` (${event.blueprint})` : '';
      const place = `${seed} in ${event.layerId}[${event.slot}]${blueprint}`;
      return `${at}: ${place} ${event.from} → ${event.to}: ${event.cause}`;
    }
    case 'evaluation': {
      const [accuracy = null] = event.accuracy;
      const [loss = null] = event.loss;
      return `${at}: ${event.split} accuracy ${percent(accuracy)}, loss ${figure(loss)}`;
    }
    case 'governor':
      return `${at}: rolled back to step ${grouped(event.restoredStep)}: ${event.cause}`;
    case 'command':
      return event.accepted
        ? null
        : `${at}: refused to ${event.command.kind}: ${event.reason ?? 'no reason given'}`;
    case 'notice':
      return `${at}: ${event.level === 'info' ? '' : `${event.level}: `}${event.message}`;
    default:
      return null;
  }
}

const STATUS_WORDS = { done: 'Done', interrupted: 'Interrupted, saved', failed: 'Failed' } as const;

/** The result as a short table. */
export function summary(result: RunFinished): string {
  const reason = result.message === undefined ? '' : `: ${result.message}`;
  // Only a run that has made all its steps is measured.
  const measured: [string, string][] = [
    ['train accuracy', percent(result.trainAccuracy)],
    ['test accuracy', percent(result.testAccuracy)],
  ];
  const rows: [string, string][] = [
    ...(result.status === 'done' ? measured : []),
    ['parameters', grouped(result.parameters)],
    ['seeds', `${result.seedsGerminated} germinated, ${result.seedsFossilized} fossilised`],
    ['digest', result.digest],
  ];
  const steps = `${grouped(result.steps)} steps in ${duration(result.seconds)}`;
  return [
    `${STATUS_WORDS[result.status]} after ${steps}${reason}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(14)}  ${value}`),
  ].join('\n');
}
