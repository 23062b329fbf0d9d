/** Whether a blueprint means anything at all, on whatever host: what its schema cannot check. */
import { InputError } from '../base/errors.ts';
import type { Blueprint } from '../contracts/blueprint.ts';

/** Ids every blueprint may read: the host layer's input, and its output before its activation. */
export const GIVEN_INPUTS = ['x', 'z'] as const;

const NODE_ID = /^[a-z][a-z0-9_-]{0,31}$/;

/**
 * Checks what the schema cannot: ids are unique, nodes read only what comes before them (so there
 * is no cycle), the output exists, and every node reaches it.
 *
 * @throws {InputError} `Cannot use blueprint "b": node "n2" reads "n3", …`
 */
export function validateBlueprint(blueprint: Blueprint): void {
  const fail = (reason: string): never => {
    throw new InputError(`Cannot use blueprint "${blueprint.name}": ${reason}`);
  };
  const known = new Set<string>(GIVEN_INPUTS);
  const later = new Set(blueprint.nodes.map((node) => node.id));
  for (const node of blueprint.nodes) {
    if (!NODE_ID.test(node.id)) {
      fail(
        `node id "${node.id}" must start with a letter and hold at most 32 of a-z, 0-9, "_", "-"`,
      );
    }
    if (known.has(node.id)) {
      fail(
        node.id === 'x' || node.id === 'z'
          ? `node id "${node.id}" is taken by the host's ${node.id === 'x' ? 'input' : 'output'}`
          : `node id "${node.id}" is used twice`,
      );
    }
    for (const input of node.inputs) {
      if (known.has(input)) continue;
      const what = later.has(input) ? 'which is not before it' : 'which does not exist';
      fail(`node "${node.id}" reads "${input}", ${what}; it may read x, z and earlier nodes`);
    }
    known.add(node.id);
  }
  if (!later.has(blueprint.output)) {
    fail(`output "${blueprint.output}" is none of its nodes (${[...later].join(', ')})`);
  }
  const used = new Set([blueprint.output]);
  for (const node of blueprint.nodes.toReversed()) {
    if (!used.has(node.id)) {
      fail(`node "${node.id}" does not reach output "${blueprint.output}"; remove or connect it`);
    }
    for (const input of node.inputs) used.add(input);
  }
}
