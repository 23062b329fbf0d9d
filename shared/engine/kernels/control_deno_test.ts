/** The control buffer's head in WGSL, by webgpu-utils' reading of the struct, against its twin. */
import assert from 'node:assert/strict';
import { makeShaderDataDefinitions } from 'webgpu-utils';
import { SHADERS } from '../../../shaders/index.ts';
import { CONTROL } from './control.ts';

const source = SHADERS['lib/control.wgsl']!;
const fields = makeShaderDataDefinitions(source).structs['ControlHeader']!.fields;

/** Value of `const NAME = <n>u;` in the shader. */
function constant(name: string): number {
  const found = new RegExp(`const ${name} = (\\d+)u;`).exec(source);
  assert.ok(found, `lib/control.wgsl has no ${name}`);
  return Number(found[1]);
}

for (const [field, name, word] of [
  ['next', 'CONTROL_NEXT', CONTROL.next],
  ['step', 'CONTROL_STEP', CONTROL.step],
  ['chunk_start', 'CONTROL_CHUNK_START', CONTROL.chunkStart],
  ['fault', 'CONTROL_FAULT', CONTROL.fault],
  ['first_seed', 'CONTROL_SEEDS', CONTROL.seeds],
] as const) {
  Deno.test(`control buffer: ${field} is word ${word} in struct, constant and twin`, () => {
    assert.equal(fields[field]!.offset / 4, word);
    assert.equal(constant(name), word);
  });
}
