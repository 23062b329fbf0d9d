/**
 * Tasks under way at once: what one computes here goes on while the browser compiles and runs the
 * kernels of others.
 */
const AT_ONCE = 4;

/** Results of all tasks, in their order. @param onDone Told each result when it is there. */
export async function runAll<T>(
  tasks: readonly (() => Promise<T>)[],
  onDone: (result: T) => void,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async () => {
    while (next < tasks.length) {
      const index = next++;
      const result = await tasks[index]!();
      results[index] = result;
      onDone(result);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return results;
}
