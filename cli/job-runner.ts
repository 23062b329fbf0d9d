/**
 * Does one job in a process of its own: reads an order from standard input and writes what happens
 * to standard output (job-line.ts). The worker closes standard input to ask it to stop; that also
 * happens when the worker dies, so no job goes on without one.
 */
import { CorruptDataError, InputError, messageOf, NoAdapterError } from '#shared/base/errors.ts';
import { JobSpec } from '#shared/contracts/api-jobs.ts';
import { type JobLine, JobOrder } from './job-line.ts';
import { doJob, StoppedError } from './job-work.ts';

function write(line: JobLine): void {
  let bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
}

/** The same input would fail again, here and elsewhere. */
function isHopeless(error: unknown): boolean {
  return (
    (error instanceof InputError || error instanceof CorruptDataError) &&
    !(error instanceof NoAdapterError)
  );
}

async function main(): Promise<void> {
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('\n')) {
    const { value, done } = await input.read();
    if (done) return;
    text += value;
  }
  const order = JobOrder.parse(JSON.parse(text.slice(0, text.indexOf('\n'))));
  const stop = new AbortController();
  void input.read().then(() => stop.abort());
  try {
    write({
      type: 'done',
      result: await doJob(order, JobSpec.parse(order.spec), stop.signal, write),
    });
  } catch (error) {
    if (error instanceof StoppedError) write({ type: 'stopped' });
    else
      write({
        type: 'failed',
        error: messageOf(error).slice(0, 3000),
        retryable: !isHopeless(error),
      });
  }
}

await main();
Deno.exit(0);
