/** Text of shaders: expanded for one kernel call, and the digest of all of them. */
import { SHADERS } from '../../../shaders/index.ts';
import { canonicalJson, sha256Hex } from '../../base/canonical.ts';
import type { KernelCall } from './kernel-call.ts';
import { type LinkedShader, link } from './linker.ts';

/** Expanded text of a kernel call's shader, with the source line of each of its lines. */
export function linkShader(call: KernelCall): LinkedShader {
  return link(`${call.shader}.wgsl`, SHADERS, call.defines);
}

/** SHA-256 over all shader sources: part of a run's fingerprint. */
export function shaderDigest(): Promise<string> {
  return sha256Hex(canonicalJson(SHADERS));
}
