/** What a device compiles for a kernel call, under a key by which equal kernels are found. */
import { constantsKept, type SizedShader, sizeTable, withSizesRead } from '../kernels/any-shape.ts';
import type { KernelCall } from '../kernels/kernel-call.ts';
import type { LinkedShader } from '../kernels/linker.ts';
import { linkShader } from '../kernels/shader-text.ts';

export interface KernelSource {
  key: string;
  /** Values of the `override` constants that the text has. */
  constants: Record<string, number>;
  text(): LinkedShader;
}

/** Texts for any shape, by shader and names; there are as many as kernels, not as shapes. */
const sized = new Map<string, SizedShader>();

function sizedOf(call: KernelCall): SizedShader {
  const key = JSON.stringify([call.shader, call.defines, call.bindings.length]);
  let shader = sized.get(key);
  if (!shader) {
    shader = withSizesRead(linkShader(call), call.bindings.length);
    sized.set(key, shader);
  }
  return shader;
}

export function sourceOf(call: KernelCall): KernelSource {
  const { constants, defines, shader } = call;
  if (!call.anyShape) {
    const key = JSON.stringify([shader, defines, constants]);
    return { key, constants, text: () => linkShader(call) };
  }
  const text = sizedOf(call);
  const kept = constantsKept(call, text.sizes);
  const access = call.bindings.map((b) => b.access);
  const key = JSON.stringify([shader, defines, kept, access, 'any shape']);
  return { key, constants: kept, text: () => text };
}

/** Words of the table of sizes that a call binds after its other bindings; null: it reads none. */
export function sizesOf(call: KernelCall): readonly number[] | null {
  if (!call.anyShape) return call.sizes ?? null;
  const { sizes } = sizedOf(call);
  return sizes.length > 0 ? sizeTable(call, sizes) : null;
}
