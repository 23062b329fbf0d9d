/**
 * Counts what the engine asks of WebGPU, by wrapping the methods of its prototypes: what a training
 * step costs is then measured and not read from the code.
 */

/** Calls by method, such as `createBuffer`. */
export type CallCounts = Record<string, number>;

const WATCHED = [
  [GPUDevice, ['createBuffer', 'createBindGroup', 'createCommandEncoder', 'createShaderModule']],
  [GPUDevice, ['createComputePipeline', 'createComputePipelineAsync']],
  [GPUQueue, ['submit', 'writeBuffer']],
  [GPUCommandEncoder, ['beginComputePass', 'copyBufferToBuffer']],
  [GPUComputePassEncoder, ['dispatchWorkgroups', 'setPipeline', 'setBindGroup']],
] as const;

type Method = (...args: unknown[]) => unknown;

/** Runs `work` and returns what it called; methods are themselves again afterwards. */
export async function countCalls(
  work: () => void | Promise<void>,
  onCall: (name: string, args: unknown[]) => void = () => {},
): Promise<CallCounts> {
  const counts: CallCounts = {};
  const restore: (() => void)[] = [];
  for (const [owner, names] of WATCHED) {
    const prototype = owner.prototype as unknown as Record<string, Method>;
    for (const name of names) {
      const original = prototype[name]!;
      counts[name] = 0;
      prototype[name] = function (this: unknown, ...args: unknown[]) {
        counts[name]! += 1;
        onCall(name, args);
        return original.apply(this, args);
      };
      restore.push(() => {
        prototype[name] = original;
      });
    }
  }
  try {
    await work();
  } finally {
    for (const undo of restore) undo();
  }
  return counts;
}
