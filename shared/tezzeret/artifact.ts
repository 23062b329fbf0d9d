/** A compiled artifact and the check that its parts belong together. */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { ArtifactManifest } from '../contracts/blueprint.ts';

export interface CompiledArtifact {
  /** SHA-256 of the manifest's canonical JSON. */
  id: string;
  manifest: ArtifactManifest;
  /** Expanded text of every kernel, one section each. Not one module: names repeat. */
  wgsl: string;
  /** Template weights as safetensors, named `<node>.weight` and `<node>.bias`. */
  weights: Uint8Array<ArrayBuffer>;
}

export function manifestId(manifest: ArtifactManifest): Promise<string> {
  return sha256Hex(canonicalJson(manifest));
}

/**
 * Whether every digest holds: of the manifest, of both blobs, and of the key asked for.
 *
 * @returns Why not, in plain words; null if all do.
 */
export async function digestFault(artifact: CompiledArtifact, key: string): Promise<string | null> {
  const { id, manifest, wgsl, weights } = artifact;
  if ((await manifestId(manifest)) !== id) return 'the manifest does not match its id';
  if (manifest.key !== key) return `the manifest has key ${manifest.key ?? 'none'}, not ${key}`;
  if ((await sha256Hex(wgsl)) !== manifest.wgslSha256) return 'the WGSL does not match its digest';
  if ((await sha256Hex(weights)) !== manifest.weightsSha256) {
    return 'the weights do not match their digest';
  }
  return null;
}

/** First failed check of a rejected artifact as a sentence; null for a validated one. */
export function rejection(manifest: ArtifactManifest): string | null {
  const { status, checks } = manifest.verification;
  if (status === 'validated') return null;
  const failed = checks.filter((check) => !check.passed);
  const why = failed.map((check) => `${check.name} (${check.detail})`).join('; ');
  return `Cannot use blueprint "${manifest.blueprintName}": its verification failed: ${why || 'no check is on record'}`;
}
