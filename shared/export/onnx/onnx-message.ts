/**
 * The messages of the ONNX format that a network needs, as protobuf bytes.
 *
 * Source: https://github.com/onnx/onnx, onnx/onnx.proto3.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Version of the file format, and of the operators' meaning; every runtime since 2022 has both. */
export const IR_VERSION = 8;
export const OPSET = 17;

export type OnnxAttribute = number | string | readonly number[] | { float: number };

export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Whole numbers, lists of them, texts; other numbers as `{ float }`. */
  attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array | BigInt64Array;
}

export interface OnnxValue {
  name: string;
  type: 'float32' | 'int64';
  /** A text is the name of a size that may differ from run to run. */
  shape: readonly (number | string)[];
}

export interface OnnxModel {
  name: string;
  nodes: readonly OnnxNode[];
  initializers: readonly OnnxTensor[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  metadata: Readonly<Record<string, string>>;
}

const DATA_TYPES = { float32: 1, int64: 7 } as const;
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, ints: 7 } as const;

type Fill = (writer: BinaryWriter) => void;

function message(writer: BinaryWriter, field: number, fill: Fill): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  fill(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function whole(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function attribute(writer: BinaryWriter, name: string, value: OnnxAttribute): void {
  text(writer, 1, name);
  const type = (kind: keyof typeof ATTRIBUTE_TYPES) => whole(writer, 20, ATTRIBUTE_TYPES[kind]);
  if (typeof value === 'number') {
    whole(writer, 3, value);
    type('int');
  } else if (typeof value === 'string') {
    text(writer, 4, value);
    type('string');
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(Math.fround(value.float));
    type('float');
  } else {
    for (const v of value) whole(writer, 8, v);
    type('ints');
  }
}

function node(writer: BinaryWriter, { attributes, inputs, op, outputs }: OnnxNode): void {
  for (const input of inputs) text(writer, 1, input);
  for (const output of outputs) text(writer, 2, output);
  text(writer, 3, outputs[0]!);
  text(writer, 4, op);
  for (const [name, value] of Object.entries(attributes)) {
    message(writer, 5, (w) => attribute(w, name, value));
  }
}

function tensor(writer: BinaryWriter, { data, name, shape }: OnnxTensor): void {
  for (const size of shape) whole(writer, 1, size);
  whole(writer, 2, DATA_TYPES[data instanceof Float32Array ? 'float32' : 'int64']);
  text(writer, 8, name);
  // Little-endian, as all machines this runs on are.
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  writer.tag(9, WireType.LengthDelimited).bytes(bytes);
}

function value(writer: BinaryWriter, { name, shape, type }: OnnxValue): void {
  text(writer, 1, name);
  message(writer, 2, (types) =>
    message(types, 1, (w) => {
      whole(w, 1, DATA_TYPES[type]);
      message(w, 2, (dimensions) => {
        for (const size of shape) {
          message(dimensions, 1, (d) =>
            typeof size === 'string' ? text(d, 2, size) : whole(d, 1, size),
          );
        }
      });
    }),
  );
}

/** Bytes of an `.onnx` file. */
export function onnxBytes(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  whole(writer, 1, IR_VERSION);
  text(writer, 2, 'esper-workbench');
  message(writer, 7, (graph) => {
    for (const n of model.nodes) message(graph, 1, (w) => node(w, n));
    text(graph, 2, model.name);
    for (const t of model.initializers) message(graph, 5, (w) => tensor(w, t));
    for (const v of model.inputs) message(graph, 11, (w) => value(w, v));
    for (const v of model.outputs) message(graph, 12, (w) => value(w, v));
  });
  message(writer, 8, (opset) => {
    text(opset, 1, '');
    whole(opset, 2, OPSET);
  });
  for (const [key, entry] of Object.entries(model.metadata)) {
    message(writer, 14, (w) => {
      text(w, 1, key);
      text(w, 2, entry);
    });
  }
  return writer.finish();
}
