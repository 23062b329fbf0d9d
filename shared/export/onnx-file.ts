/**
 * A network as an ONNX file: opset 17, float32, any batch. Input `input` is [batch, features],
 * [batch, channels, height, width] or, for a transformer, whole numbers [batch, length]; output
 * `logits` is [batch, classes]. Seeds that are blended in are part of the graph, at their alphas.
 */
import { InputError } from '../base/errors.ts';
import { toTorch, wantedTensors } from '../models/state-dict.ts';
import { type ExportedNetwork, evaluationGraph } from './exported-network.ts';
import { layerConverters } from './onnx/convert-layers.ts';
import { shapeConverters } from './onnx/convert-shapes.ts';
import type { Converter } from './onnx/converter.ts';
import { OnnxGraph } from './onnx/onnx-graph.ts';
import { type OnnxValue, onnxBytes } from './onnx/onnx-message.ts';

const CONVERTERS: Readonly<Record<string, Converter>> = { ...layerConverters, ...shapeConverters };

/** Their numbers are inside of the operators that read them. */
const STATISTICS: readonly string[] = ['group_stats', 'running_stats'];

/** @throws {InputError} If the network computes something that has no ONNX form here. */
export function onnxFile(network: ExportedNetwork, run: string): Uint8Array<ArrayBuffer> {
  const { alphas, classes, scaling, step, topology, values } = network;
  const { graph, input, logits } = evaluationGraph(network);
  const parameters = new Map(
    wantedTensors(graph).map(({ kind, name, shape }) => [
      name,
      toTorch(kind, shape, values.get(name)!.data),
    ]),
  );
  const onnx = new OnnxGraph(graph, parameters, alphas);
  onnx.bind(input, 'input');
  for (const node of graph.nodes) {
    if (STATISTICS.includes(node.op)) continue;
    const convert = CONVERTERS[node.op];
    if (!convert)
      throw new InputError(`Cannot export op "${node.op}" to ONNX: it has no form there`);
    const inputs = node.inputs.map((id) => graph.tensor(id));
    onnx.bind(graph.tensor(node.outputs[0]!), convert(onnx, inputs, node.attrs));
  }
  onnx.nodes.push({
    ...{ op: 'Identity', inputs: [onnx.name(logits)], outputs: ['logits'], attributes: {} },
  });
  onnx.prune(['logits']);
  const readsTokens = graph.nodes.some((n) => n.op === 'embedding' && n.inputs[0] === input.id);
  const [height, width, channels] = topology.input;
  const inputValue: OnnxValue = {
    name: 'input',
    type: readsTokens ? 'int64' : 'float32',
    shape: ['batch', ...(channels === undefined ? topology.input : [channels, height!, width!])],
  };
  return onnxBytes({
    name: run,
    nodes: onnx.nodes,
    initializers: onnx.initializers,
    inputs: [inputValue],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', classes.length] }],
    metadata: {
      ...{ run, step: String(step), classes: JSON.stringify(classes) },
      ...(scaling ? { scaling: JSON.stringify(scaling) } : {}),
    },
  });
}
