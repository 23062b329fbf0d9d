/** Pauses in long work, so that a training on the same thread can send its next steps. */

/** Longest that work goes on without a pause, milliseconds: a tenth of a chunk of training steps. */
const BREATH_MS = 8;

/**
 * @param every Milliseconds of work between two pauses; 0: pause at each call.
 * @returns Call it between two pieces of work; it waits only where a pause is due.
 */
export function breather(every = BREATH_MS): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < every) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    last = performance.now();
  };
}
