/**
 * Compares shader files, the import list, the kernel catalog's calls and the parity cases. Pure:
 * from texts and calls to messages; no device.
 */
import { messageOf } from '#shared/base/errors.ts';
import type { KernelCall } from '#shared/engine/kernels/kernel-call.ts';
import { link } from '#shared/engine/kernels/linker.ts';

/** Shader texts by path from shaders/, for example `lib/philox.wgsl`. */
export type ShaderTexts = Readonly<Record<string, string>>;

const isLibrary = (file: string) => file.startsWith('lib/');
const nameOf = (file: string) => file.replace(/\.wgsl$/, '');

/**
 * Faults of the files themselves and of the import list.
 *
 * @param files What is in the folder.
 * @param index What shaders/index.ts exports.
 */
export function checkFiles(files: ShaderTexts, index: ShaderTexts): string[] {
  const messages: string[] = [];
  for (const file of Object.keys(index)) {
    if (!(file in files)) messages.push(`shaders/index.ts lists "${file}": there is no such file`);
  }
  const included = new Set(
    Object.values(files).flatMap((text) =>
      [...text.matchAll(/^\s*\/\/ @include (\S+)\s*$/gm)].map((match) => match[1] ?? ''),
    ),
  );
  for (const [file, text] of Object.entries(files)) {
    const path = `shaders/${file}`;
    if (!(file in index)) messages.push(`${path} is not in shaders/index.ts: add its two lines`);
    else if (index[file] !== text) {
      messages.push(`shaders/index.ts gives another file's text for "${file}": check its import`);
    }
    if (isLibrary(file)) {
      if (!included.has(file)) messages.push(`${path} is included by no shader: remove it`);
      if (text.includes('@binding')) {
        messages.push(`${path} declares a binding: bindings belong to the kernel that includes it`);
      }
      continue;
    }
    const name = nameOf(file);
    if (!text.startsWith(`// ${name}: `)) {
      messages.push(`${path}:1 must begin with "// ${name}: " and the formula`);
    }
    if (!/^\/\/ Reference {2}\S/m.test(text)) {
      messages.push(`${path} names no float64 reference: add a "// Reference  …" line`);
    }
    if (!new RegExp(`@compute[^{]*\\bfn ${name}\\(`).test(text)) {
      messages.push(
        `${path} has no entry point "${name}": file, entry point and label are one name`,
      );
    }
  }
  return messages;
}

/** Bindings of an expanded shader: access by binding number. */
function declaredBindings(code: string): Map<number, string> {
  const found = new Map<number, string>();
  const pattern = /@group\(0\)\s*@binding\((\d+)\)\s*var<(storage|uniform)(?:,\s*(\w+))?>/g;
  for (const [, number, space, access] of code.matchAll(pattern)) {
    found.set(Number(number), space === 'uniform' ? 'uniform' : (access ?? 'read'));
  }
  return found;
}

/**
 * Faults between one call that the catalog made and the shader it names: bindings, their access,
 * and the values of `override` constants.
 *
 * @param owner Where the call comes from, for messages.
 */
export function checkCall(call: KernelCall, files: ShaderTexts, owner: string): string[] {
  const file = `${call.shader}.wgsl`;
  const path = `shaders/${file}`;
  if (!(file in files)) return [`${owner} calls shader "${call.shader}": there is no ${path}`];
  let code: string;
  try {
    code = link(file, files, call.defines).code;
  } catch (error) {
    return [`${owner} cannot expand ${path}: ${messageOf(error)}`];
  }
  const messages: string[] = [];
  const declared = declaredBindings(code);
  const bound = [...call.bindings.map((b) => b.access), ...(call.sizes ? ['uniform'] : [])];
  bound.forEach((access, number) => {
    const found = declared.get(number);
    if (found !== access) {
      messages.push(
        `${owner} binds ${path} binding ${number} as ${access}: the shader declares ` +
          `${found ?? 'none'}`,
      );
    }
  });
  for (const number of declared.keys()) {
    if (number >= bound.length) {
      messages.push(`${owner} leaves ${path} binding ${number} without a buffer`);
    }
  }
  const members = /struct Sizes \{([^}]*)\}/.exec(code)?.[1]?.match(/^\s*\w+: u32,/gm)?.length ?? 0;
  if (members !== (call.sizes?.length ?? 0)) {
    messages.push(
      `${owner} gives ${path} ${call.sizes?.length ?? 0} sizes: its struct Sizes has ${members} words`,
    );
  }
  const overrides = new Map(
    [...code.matchAll(/^\s*override\s+(\w+)\s*(?::[^=;]*)?(=)?/gm)].map((match) => [
      match[1] ?? '',
      match[2] === '=',
    ]),
  );
  for (const name of Object.keys(call.constants)) {
    if (!overrides.has(name)) {
      messages.push(`${owner} sets "${name}" of ${path}: the shader has no such override`);
    }
  }
  for (const [name, hasDefault] of overrides) {
    if (!hasDefault && !(name in call.constants)) {
      messages.push(`${owner} leaves override "${name}" of ${path} without a value`);
    }
  }
  return messages;
}

/**
 * Shaders and catalog rows that no parity case reaches.
 *
 * @param called Names of the shaders that the cases' plans call.
 * @param planned Ops of the cases' plans.
 */
export function checkCoverage(
  files: ShaderTexts,
  catalogOps: readonly string[],
  called: ReadonlySet<string>,
  planned: ReadonlySet<string>,
): string[] {
  const kernels = Object.keys(files).filter((file) => !isLibrary(file));
  return [
    ...kernels
      .filter((file) => !called.has(nameOf(file)))
      .map((file) => `shaders/${file} is run by no case: add one to tests/gpu/cases.ts`),
    ...catalogOps
      .filter((op) => !planned.has(op))
      .map((op) => `Catalog row "${op}" is in no case's plan: add a case to tests/gpu/cases.ts`),
  ];
}
