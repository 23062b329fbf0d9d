/** Weights from outside that a run starts from. */
import { sha256Hex } from '../base/canonical.ts';
import { InputError, messageOf } from '../base/errors.ts';
import { readWeights } from '../base/safetensors-weights.ts';
import { Graph } from '../engine/plan/graph.ts';
import { controlTensor, evaluationForward } from '../kasmina/growing-network.ts';
import { loadStateDict, type NamedArray, wantedTensors } from '../models/state-dict.ts';
import type { NetworkRuntime } from './network-runtime.ts';

/** Name of a copy in a run's storage: the run can be resumed, replayed and forked without the file. */
export const INITIAL_WEIGHTS = 'initial-weights.safetensors';

export interface InitialWeights {
  /** Where they are from, for messages. */
  source: string;
  /** Content of the file, and its SHA-256. */
  bytes: Uint8Array<ArrayBuffer>;
  digest: string;
  /** By name, in PyTorch's layouts. */
  tensors: ReadonlyMap<string, NamedArray>;
}

/** @throws {CorruptDataError} If the bytes are no safetensors file of numbers. */
export async function readInitialWeights(
  bytes: Uint8Array<ArrayBuffer>,
  source: string,
): Promise<InitialWeights> {
  return { source, bytes, digest: await sha256Hex(bytes), tensors: readWeights(bytes, source) };
}

/**
 * Gives the host these weights, in every replica. Seeds are left as they are.
 *
 * @throws {InputError} Listing every tensor that is missing, left over or of another shape.
 */
export function setInitialWeights(
  runtime: NetworkRuntime,
  { source, tensors }: InitialWeights,
): void {
  const { topology } = runtime;
  const graph = new Graph();
  const x = graph.create('x', [1, ...topology.input], { role: 'external' });
  evaluationForward(graph, controlTensor(graph), { ...topology, seeds: [] }, x);
  const tied = topology.layers.flatMap((l) =>
    l.kind === 'linear' && l.tied !== undefined ? [`${l.name}.weight`] : [],
  );
  try {
    runtime.arena.setValues(loadStateDict(tensors, wantedTensors(graph), source, tied));
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(messageOf(error));
    throw error;
  }
}
