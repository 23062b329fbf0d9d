/** Runs the commands that look back into a run, and says in lines and an exit code what came of it. */
import type { BranchInvocation } from './branch-arguments.ts';
import { EXIT, exitCodeOfRun } from './exit-code.ts';
import { summary } from './output.ts';
import { grouped } from './progress.ts';
import type { TrainOutput } from './train-options.ts';

export interface CommandResult {
  code: number;
  /** For standard output. */
  lines: string[];
}

export async function runBranchCommand(
  invocation: BranchInvocation,
  output: TrainOutput,
  stop: AbortSignal,
): Promise<CommandResult> {
  const { json } = invocation;
  const say = (value: unknown, text: string) => [json ? JSON.stringify(value) : text];
  const interrupted = stop.aborted ? EXIT.interrupted : null;
  switch (invocation.command) {
    case 'replay': {
      const { replayText, runReplay } = await import('./replay.ts');
      const report = await runReplay(invocation.options, output, stop);
      const codes = { same: EXIT.done, different: EXIT.failed, interrupted: EXIT.interrupted };
      return { code: codes[report.status], lines: say(report, replayText(report)) };
    }
    case 'rewind': {
      const { runRewind } = await import('./fork.ts');
      const { at, folder } = invocation.options;
      if (!(await runRewind(invocation.options, output, stop))) {
        return {
          code: EXIT.interrupted,
          lines: say({ type: 'rewind.stopped' }, 'Stopped; the run is as it was'),
        };
      }
      const text = `Rewound to step ${grouped(at)}; to go on: npx esper train --resume --out ${folder}`;
      return { code: EXIT.done, lines: say({ type: 'rewind.done', folder, step: at }, text) };
    }
    case 'fork': {
      const { runFork } = await import('./fork.ts');
      const made = await runFork(invocation.options, output, stop);
      const text = made.finished
        ? summary(made.finished)
        : stop.aborted
          ? 'Stopped before the fork was made'
          : `To go on: npx esper train --resume --out ${made.folder}`;
      const code = made.finished
        ? exitCodeOfRun(made.finished)
        : stop.aborted
          ? EXIT.interrupted
          : EXIT.done;
      return { code, lines: say(made, text) };
    }
    case 'twin': {
      const { runTwin, twinText } = await import('./twin.ts');
      const twins = await runTwin(invocation.options, output, stop);
      const lines = twins.flatMap((twin) => say(twin, twinText(twin)));
      return { code: stop.aborted ? EXIT.interrupted : EXIT.done, lines };
    }
    case 'runs': {
      const { listRuns, runsText } = await import('./runs.ts');
      const runs = await listRuns(invocation.options.folder);
      const lines = json ? runs.map((run) => JSON.stringify(run)) : [runsText(runs)];
      return { code: interrupted ?? EXIT.done, lines };
    }
  }
}
