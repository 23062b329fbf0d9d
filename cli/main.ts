/**
 * Entry point of `esper` under Deno: reads the arguments, connects terminal and signals, runs the
 * command and ends with its exit code. The work is in train.ts and experiment.ts.
 */
import { InputError, messageOf } from '#shared/base/errors.ts';
import manifest from '../package.json' with { type: 'json' };
import { type Invocation, parseArguments } from './arguments.ts';
import type { BranchInvocation } from './branch-arguments.ts';
import { EXIT, exitCodeOf, exitCodeOfExperiment, exitCodeOfRun, isExpected } from './exit-code.ts';
import { createExperimentOutput } from './experiment-output.ts';
import { helpText } from './help-text.ts';
import { Interrupt } from './interrupt.ts';
import { createOutput, type TextSink } from './output.ts';
import { createSuiteOutput } from './suite-output.ts';
import type { RunTrain } from './train-options.ts';
import { createVerdictOutput } from './verdict-output.ts';
import type { JobOutput } from './worker-options.ts';

/** Writes all of a text; when the reader has gone away (`| head`), `onGone` is called once. */
function sinkOf(stream: typeof Deno.stdout | typeof Deno.stderr, onGone: () => void): TextSink {
  let isGone = false;
  return {
    isTerminal: stream.isTerminal(),
    columns() {
      try {
        // Some terminals report no width.
        return Deno.consoleSize().columns || 80;
      } catch {
        return 80;
      }
    },
    write(text) {
      if (isGone) return;
      let bytes = new TextEncoder().encode(text);
      try {
        while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        isGone = true;
        onGone();
      }
    },
  };
}

interface Streams {
  json: boolean;
  stdout: TextSink;
  stderr: TextSink;
  now: () => number;
}

/** Runs work that Ctrl-C, or a reader that went away, asks to stop. */
async function stoppable<O extends { note(message: string): void; close(): void }>(
  json: boolean,
  stopping: string,
  createOutputOn: (streams: Streams) => O,
  work: (output: O, stop: AbortSignal) => Promise<number>,
): Promise<number> {
  const interrupt = new Interrupt();
  const now = () => performance.now();
  // Nobody reads the results any more: stop and save, as after Ctrl-C.
  const stdout = sinkOf(Deno.stdout, () => interrupt.request(now()));
  const stderr = sinkOf(Deno.stderr, () => undefined);
  const output = createOutputOn({ json, stdout, stderr, now });
  const onSignal = () => {
    const request = interrupt.request(now());
    if (request === 'stop') output.note(`${stopping}; Ctrl-C again ends at once`);
    if (request !== 'abort') return;
    output.close();
    stderr.write('esper: ended at once; what was saved before is kept\n');
    Deno.exit(EXIT.interrupted);
  };
  // Windows knows SIGINT and SIGBREAK only.
  const signals: Deno.Signal[] = Deno.build.os === 'windows' ? ['SIGINT'] : ['SIGINT', 'SIGTERM'];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  try {
    return await work(output, interrupt.signal);
  } finally {
    output.close();
    for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
  }
}

function train({ json, options }: Extract<Invocation, { command: 'train' }>): Promise<number> {
  return stoppable(json, 'stopping: saving the run', createOutput, async (output, stop) => {
    // Loaded late, so that help and argument errors do not wait for the engine.
    const { runTrain }: { runTrain: RunTrain } = await import('./train.ts');
    const result = await runTrain(options, output, stop);
    output.finish(result);
    return exitCodeOfRun(result);
  });
}

function experiment({
  json,
  options,
}: Extract<Invocation, { command: 'experiment' }>): Promise<number> {
  return stoppable(json, 'stopping', createExperimentOutput, async (output, stop) => {
    const { runExperiment } = await import('./experiment.ts');
    const { runs, result } = await runExperiment(options, output, stop);
    output.finish(runs, result);
    return exitCodeOfExperiment(result);
  });
}

function suite({ json, options }: Extract<Invocation, { command: 'suite' }>): Promise<number> {
  return stoppable(json, 'stopping', createSuiteOutput, async (output, stop) => {
    const { runSuite } = await import('./suite.ts');
    const result = await runSuite(options, output, stop);
    output.finish(result);
    return EXIT[result.status];
  });
}

function verdict({ json, options }: Extract<Invocation, { command: 'verdict' }>): Promise<number> {
  return stoppable(json, 'stopping', createVerdictOutput, async (output, stop) => {
    const { runVerdictCommand } = await import('./verdict.ts');
    const { folder, report } = await runVerdictCommand(options, output, stop);
    output.finish(report, folder);
    return EXIT[report.status];
  });
}

function bench({ json, options }: Extract<Invocation, { command: 'bench' }>): Promise<number> {
  return stoppable(json, 'stopping', createOutput, async (output, stop) => {
    const { runBench, runPolicyBench } = await import('./bench-command.ts');
    const note = (message: string) => output.note(message);
    if (options.only.length === 1 && options.only[0] === 'server') {
      const { runServerBench } = await import('./server-bench.ts');
      const { reports, text } = await runServerBench(options, note, stop);
      console.log(json ? reports.map((r) => JSON.stringify(r)).join('\n') : text);
      return stop.aborted ? EXIT.interrupted : EXIT.done;
    }
    const { reports, text } =
      (await runPolicyBench(options, note, stop)) ?? (await runBench(options, note, stop));
    console.log(json ? reports.map((r) => JSON.stringify(r)).join('\n') : text.trimEnd());
    return stop.aborted ? EXIT.interrupted : EXIT.done;
  });
}

/** Notes on standard error; with --json records on standard output. */
function jobOutput({ json, stdout, stderr }: Streams): JobOutput & { close(): void } {
  return {
    note: (message) => stderr.write(`${message}\n`),
    warn: (message) => stderr.write(`esper: ${message}\n`),
    record: (fields) => {
      if (json) stdout.write(`${JSON.stringify(fields)}\n`);
    },
    close: () => undefined,
  };
}

function worker({ json, options }: Extract<Invocation, { command: 'worker' }>): Promise<number> {
  const stopping = 'stopping: giving the jobs back';
  return stoppable(json, stopping, jobOutput, async (output, stop) => {
    const { runWorker } = await import('./worker.ts');
    const done = await runWorker(options, output, stop);
    output.note(`${done} ${done === 1 ? 'job' : 'jobs'} done`);
    return EXIT.done;
  });
}

function submit({ json, options }: Extract<Invocation, { command: 'submit' }>): Promise<number> {
  return stoppable(json, 'stopping; the jobs go on', jobOutput, async (output, stop) => {
    const { runSubmit } = await import('./submit.ts');
    const isGood = await runSubmit(options, output, stop);
    if (stop.aborted) return EXIT.interrupted;
    return isGood ? EXIT.done : EXIT.failed;
  });
}

async function exportRun({
  json,
  options,
}: Extract<Invocation, { command: 'export' }>): Promise<number> {
  const { runExport } = await import('./export.ts');
  const written = await runExport(options);
  console.log(json ? JSON.stringify(written) : `${written.path} (${written.bytes} bytes)`);
  return EXIT.done;
}

function branch(invocation: BranchInvocation): Promise<number> {
  const { json } = invocation;
  return stoppable(json, 'stopping', createOutput, async (output, stop) => {
    // Events of a branch are no news: with --json the last line is the result.
    const { runBranchCommand } = await import('./branch-main.ts');
    const { code, lines } = await runBranchCommand(invocation, output, stop);
    output.close();
    for (const line of lines) console.log(line);
    return code;
  });
}

async function blueprint({
  json,
  options,
}: Extract<Invocation, { command: 'blueprint' }>): Promise<number> {
  const [{ blueprintText, reportBlueprints }, { diskFiles }] = await Promise.all([
    import('./blueprint.ts'),
    import('#shared/platform/deno.ts'),
  ]);
  const reports = await reportBlueprints(options, diskFiles);
  const lines = blueprintText(reports, options.target !== null);
  if (options.compile === null) {
    console.log(json ? JSON.stringify({ blueprints: reports }) : lines.join('\n'));
    return EXIT.done;
  }
  const { compileReport, compileText } = await import('./blueprint-compile.ts');
  const artifacts = await compileReport(reports[0]!, options.compile);
  const text = [...lines, ...artifacts.flatMap(compileText)].join('\n');
  console.log(json ? JSON.stringify({ blueprints: reports, artifacts }) : text);
  return artifacts.every((a) => a.verification.status === 'validated') ? EXIT.done : EXIT.failed;
}

async function run(args: readonly string[]): Promise<number> {
  const invocation = parseArguments(args);
  switch (invocation.command) {
    case 'train':
      return await train(invocation);
    case 'experiment':
      return await experiment(invocation);
    case 'export':
      return await exportRun(invocation);
    case 'suite':
      return await suite(invocation);
    case 'verdict':
      return await verdict(invocation);
    case 'worker':
      return await worker(invocation);
    case 'submit':
      return await submit(invocation);
    case 'blueprint':
      return await blueprint(invocation);
    case 'bench':
      return await bench(invocation);
    case 'replay':
    case 'rewind':
    case 'fork':
    case 'twin':
    case 'runs':
      return await branch(invocation);
    case 'help':
      console.log(helpText(invocation.topic).trimEnd());
      return EXIT.done;
    case 'version':
      console.log(manifest.version);
      return EXIT.done;
    default:
      throw new InputError(
        `Cannot run "${invocation.command}" under Deno directly: type npx esper ${invocation.command}`,
      );
  }
}

try {
  Deno.exit(await run(Deno.args));
} catch (error) {
  // A stack helps only where the message was not written for the person who reads it.
  const stack = !isExpected(error) && error instanceof Error ? error.stack : undefined;
  console.error(`esper: ${stack ?? messageOf(error)}`);
  Deno.exit(exitCodeOf(error));
}
