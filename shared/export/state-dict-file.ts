/**
 * A network as a safetensors file that PyTorch loads by name. Seeds bring their parameters along
 * under `<layer>.seeds.<seed>`; their alphas stand in the metadata.
 */
import { writeSafetensors } from '../base/safetensors.ts';
import { toTorch, wantedTensors } from '../models/state-dict.ts';
import { type ExportedNetwork, evaluationGraph } from './exported-network.ts';

export function stateDictFile(network: ExportedNetwork, run: string): Uint8Array<ArrayBuffer> {
  const { alphas, step, topology, values } = network;
  const { graph } = evaluationGraph(network);
  // Of a seed that still trains alone the network knows nothing yet.
  const tensors = new Map(
    wantedTensors(graph).map(({ kind, name, shape }) => [
      name,
      toTorch(kind, shape, values.get(name)!.data),
    ]),
  );
  const blended = topology.seeds.filter((s) => s.stage !== 'TRAINING');
  const seeds = blended.map((s) => [`${s.layerId}.seeds.${s.seedId}`, alphas[s.alphaColumn]]);
  return writeSafetensors({
    tensors,
    metadata: {
      format: 'pt',
      run,
      step: String(step),
      ...(seeds.length > 0 ? { alphas: JSON.stringify(Object.fromEntries(seeds)) } : {}),
    },
  });
}
