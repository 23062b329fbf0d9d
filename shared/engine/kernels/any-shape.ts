/**
 * Kernels for any shape: sizes and strides are numbers that they read, not constants that they are
 * compiled for. One compiled kernel then serves every layer, so that a network that changes finds most of
 * its kernels there. Only whole numbers are read: what is computed, and in which order, stays as it is,
 * and so do the bits, for the shaders named here.
 */
import type { KernelCall } from './kernel-call.ts';
import type { LinkedShader } from './linker.ts';

/** A whole number that a shader declares as an `override`; without a standard it must be given. */
interface Size {
  name: string;
  standard: number | null;
}

export interface SizedShader extends LinkedShader {
  /** In the order in which they lie in the table. */
  sizes: Size[];
}

const DECLARATION = /^\s*override\s+(\w+)\s*:\s*u32\s*(?:=\s*(\d+)u?\s*)?;/;
/**
 * Shaders whose sums are chains of fma, and those that sum nothing: no compiler may put these in another
 * form because it knows a size. Of the others (losses, norms, softmax) lavapipe gives other last bits.
 */
const ANY_SHAPE = new Set([
  ...['linear', 'linear_grad_input', 'linear_grad_weight'],
  ...['conv2d', 'conv2d_grad_input', 'conv2d_grad_weight'],
  ...['adam_update', 'sgd_update', 'gather_batch', 'guard', 'activation', 'activation_grad'],
  ...['add', 'mul', 'scale', 'scale_alpha', 'blend', 'blend_grad_host', 'blend_grad_seed'],
]);

const TABLE = 'sizes_read';
/** A conversion to a real number, with parentheses inside it up to two deep. */
const CONVERSION = /(?<![<\w])f32\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/g;

/** The call for any shape, which also checks the edges that its own shape may not have; null: there is none. */
export function anyShape(call: KernelCall): KernelCall | null {
  if (!ANY_SHAPE.has(call.shader)) return null;
  const edges = ['ROW_EDGE', 'COLUMN_EDGE'].filter((name) => name in call.defines);
  const defines = { ...call.defines, ...Object.fromEntries(edges.map((name) => [name, 1])) };
  return { ...call, defines, anyShape: true };
}

/**
 * The text of a shader with its sizes in a uniform table. What says how large a workgroup is stays a
 * constant, and so does what is made a real number: a compiler may divide by a constant in another way
 * than by a number that it does not know. Lines keep their numbers.
 *
 * @param binding Number of the table among the bindings of group 0.
 */
export function withSizesRead({ code, origins }: LinkedShader, binding: number): SizedShader {
  const lines = code.split('\n');
  const group = lines.map((line) => /@workgroup_size\(([^)]*)\)/.exec(line)?.[1] ?? '').join(',');
  const real = [...code.matchAll(CONVERSION)].map(([, inside]) => inside).join(',');
  const fixed = new Set(`${group},${real}`.match(/[A-Z]\w*/g));
  const sizes: Size[] = [];
  let table = -1;
  const kept = lines.map((line, at) => {
    const [, name, standard] = DECLARATION.exec(line) ?? [];
    if (name === undefined || fixed.has(name)) return line;
    if (table < 0) table = at;
    sizes.push({ name, standard: standard === undefined ? null : Number(standard) });
    return '';
  });
  if (table < 0) return { code, origins, sizes };
  const places = new Map(sizes.map(({ name }, i) => [name, place(i)]));
  const names = new RegExp(`(?<![\\w.])(?:${[...places.keys()].join('|')})(?!\\w)`, 'g');
  const text = kept.map((line) => line.replace(names, (name) => places.get(name)!));
  const vectors = Math.ceil(sizes.length / 4);
  text[table] = `@group(0) @binding(${binding}) var<uniform> ${TABLE}: array<vec4u, ${vectors}>;`;
  return { code: text.join('\n'), origins, sizes };
}

function place(index: number): string {
  return `${TABLE}[${Math.floor(index / 4)}].${'xyzw'[index % 4]}`;
}

/**
 * The words of a call's table.
 *
 * @throws {RangeError} If the call lacks a size.
 */
export function sizeTable({ constants, shader }: KernelCall, sizes: readonly Size[]) {
  return sizes.map(({ name, standard }) => {
    const value = constants[name] ?? standard;
    if (value === null)
      throw new RangeError(`Cannot run ${shader}: its constant ${name} is missing`);
    return value;
  });
}

/** Constants that stay constants: those of the workgroup, and what is not a whole number. */
export function constantsKept({ constants }: KernelCall, sizes: readonly Size[]) {
  const read = new Set(sizes.map(({ name }) => name));
  return Object.fromEntries(Object.entries(constants).filter(([name]) => !read.has(name)));
}
