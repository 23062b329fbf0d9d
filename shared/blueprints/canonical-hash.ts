/**
 * Identity of a blueprint: what it computes, not what it is called. Node ids are renumbered in
 * order, names and descriptions are left out, and operand order is kept, since a later op may not
 * commute. Nodes listed in another order make another blueprint: parameters follow node order.
 */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { Blueprint, BlueprintNode } from '../contracts/blueprint.ts';
import { validateBlueprint } from './blueprint-rules.ts';

/** Bumped when the meaning of the IR changes, so that an id never changes its meaning. */
const IR_VERSION = 1;

/**
 * SHA-256 of the canonical form, 64 lower-case hexadecimal digits.
 *
 * @throws {InputError} If the blueprint is not valid.
 */
export async function blueprintId(blueprint: Blueprint): Promise<string> {
  return await sha256Hex(canonicalForm(blueprint));
}

/**
 * The text that is hashed. Nodes are named by position: `0`, `1`, …; `x` and `z` stay.
 *
 * @throws {InputError} If the blueprint is not valid.
 */
export function canonicalForm(blueprint: Blueprint): string {
  validateBlueprint(blueprint);
  const position = new Map<string, string>(blueprint.nodes.map((node, i) => [node.id, String(i)]));
  const rename = (id: string) => position.get(id) ?? id;
  return canonicalJson({
    version: IR_VERSION,
    host: blueprint.host,
    nodes: blueprint.nodes.map((node) => ({
      op: node.op,
      inputs: node.inputs.map(rename),
      ...attributesOf(node),
    })),
    output: rename(blueprint.output),
  });
}

function attributesOf(node: BlueprintNode): Record<string, unknown> {
  switch (node.op) {
    case 'linear':
      return { units: node.units, bias: node.bias, init: node.init };
    case 'conv2d':
      return {
        channels: node.channels,
        kernelSize: node.kernelSize,
        stride: node.stride,
        bias: node.bias,
        init: node.init,
        // Absent where it is not so: identities from before it existed hold.
        ...(node.depthwise ? { depthwise: true } : {}),
        ...(node.groups ? { groups: node.groups } : {}),
      };
    case 'conv1d': {
      const { bias, channels, init, kernelSize, padding, stride } = node;
      const zeros = padding ?? Math.floor(kernelSize / 2);
      return { channels, kernelSize, stride, padding: zeros, bias, init };
    }
    case 'gain':
    case 'norm':
      return { init: node.init };
    case 'attention':
      return { heads: node.heads };
    case 'activation':
      return { activation: node.activation };
    case 'add':
    case 'multiply':
    case 'pool':
      return {};
  }
}
