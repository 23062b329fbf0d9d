/** Work in Chromium: a Node process opens a page of this project there; see cli/page-run.mjs. */
import { InputError } from '#shared/base/errors.ts';
import { StoppedError } from './exit-code.ts';

/**
 * @param page Its path in the project.
 * @param options As JSON; what `window.runPage` gets.
 * @param onProgress Told what the page gives to `window.pageProgress`.
 * @param stop Aborted: the page is asked to end; what it has by then is the result.
 * @param node Node's program.
 * @throws {InputError} If there is no browser or the page failed; its own message is on stderr.
 * @throws {StoppedError} If it was stopped before the page had anything to show.
 */
export async function inBrowser<Result>(
  page: string,
  options: object,
  onProgress: (progress: unknown) => void,
  stop: AbortSignal,
  node = Deno.env.get('ESPER_NODE') ?? 'node',
): Promise<Result> {
  // A signal that aborted before tells nobody again.
  if (stop.aborted) throw stopped();
  const script = new URL('./page-run.mjs', import.meta.url).pathname;
  const child = new Deno.Command(node, {
    ...{ args: [script, page, JSON.stringify(options)], stdout: 'piped', stderr: 'inherit' },
  }).spawn();
  // A terminal's Ctrl-C reaches the process by itself; a second one does no harm.
  const end = () => child.kill('SIGINT');
  stop.addEventListener('abort', end);
  let result: { value: Result } | null = null;
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const said = JSON.parse(line) as { progress?: unknown; result?: Result };
    if (said.progress !== undefined) onProgress(said.progress);
    if (said.result !== undefined) result = { value: said.result };
  }
  await child.status;
  stop.removeEventListener('abort', end);
  if (result) return result.value;
  if (stop.aborted) throw stopped();
  throw new InputError(
    'Cannot work in the browser: type "npx esper doctor", which says whether Chromium is there and offers an adapter',
  );
}

function stopped(): StoppedError {
  return new StoppedError('Stopped before the browser had anything to show');
}

/** Cuts text into lines. */
class TextLineStream extends TransformStream<string, string> {
  constructor() {
    let rest = '';
    super({
      transform(chunk, out) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop()!;
        for (const line of lines) out.enqueue(line);
      },
      flush(out) {
        if (rest) out.enqueue(rest);
      },
    });
  }
}
