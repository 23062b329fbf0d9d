/**
 * A network as a safetensors file that PyTorch loads by name. Seeds bring their parameters along
 * under `<layer>.seeds.<seed>`; their alphas stand in the metadata.
 */
import { writeSafetensors } from '../base/safetensors.ts';
import { parameterKinds, toTorch } from '../models/state-dict.ts';
import { type ExportedNetwork, evaluationGraph } from './exported-network.ts';

export function stateDictFile(network: ExportedNetwork, run: string): Uint8Array<ArrayBuffer> {
  const { alphas, step, topology, values } = network;
  const { graph } = evaluationGraph(network);
  const kinds = parameterKinds(graph);
  const tensors = new Map(
    [...values]
      // Of a seed that still trains alone the network knows nothing yet.
      .filter(([name]) => kinds.has(name))
      .map(([name, { shape, data }]) => [name, toTorch(kinds.get(name)!, shape, data)]),
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
