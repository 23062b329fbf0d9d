/** Work in a browser that is stopped: nothing is begun, or what was begun ends. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EXIT, exitCodeOf, StoppedError } from '../../cli/exit-code.ts';
import { inBrowser } from '../../cli/in-browser.ts';
import { inFolder } from './esper-process.ts';

/** Runs work with a program of ours that stands in Node's place. */
async function withNode(text: string, work: (program: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const program = join(folder, 'node.sh');
    await writeFile(program, `#!/bin/sh\n${text}\n`);
    await chmod(program, 0o755);
    await work(program);
  });
}

const isInterrupt = (error: unknown) => {
  assert(error instanceof StoppedError);
  assert.equal(exitCodeOf(error), EXIT.interrupted);
  return true;
};

const ask = (
  program: string,
  stop: AbortSignal,
  onProgress: (said: unknown) => void = () => undefined,
) => inBrowser('page.html', {}, onProgress, stop, program);

Deno.test('a browser that was stopped before it began is not begun', async () => {
  await withNode('echo begun > "$(dirname "$0")/begun"', async (program) => {
    await assert.rejects(ask(program, AbortSignal.abort()), isInterrupt);
    await assert.rejects(Deno.stat(join(dirname(program), 'begun')), Deno.errors.NotFound);
  });
});

Deno.test('stopped before there is a result, it ends and says so', async () => {
  const stopping = new AbortController();
  await withNode(`echo '{"progress":"on the way"}'\nexec sleep 60`, async (node) => {
    // The page's own answer to the signal is missing here, as while Chromium still starts.
    await assert.rejects(
      ask(node, stopping.signal, () => stopping.abort()),
      isInterrupt,
    );
  });
});

Deno.test('stopped later, what it has by then is the result', async () => {
  const stopping = new AbortController();
  const program = `trap 'echo "{\\"result\\":7}"; exit 0' INT\necho '{"progress":1}'\nwhile :; do sleep 0.05; done`;
  await withNode(program, async (node) => {
    assert.equal(await ask(node, stopping.signal, () => stopping.abort()), 7);
  });
});
