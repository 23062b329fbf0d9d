/** What an artifact is looked up by: everything its kernels depend on, and nothing else. */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { AdapterFamily, ArtifactManifest, HostShape } from '../contracts/blueprint.ts';

export interface ArtifactRequest {
  /** Content id of the blueprint, blueprints/canonical-hash.ts. */
  blueprintId: string;
  host: HostShape;
  pipeline: ArtifactManifest['pipeline'];
  /** Digest of all shader sources, engine/kernels/shader-text.ts. */
  shaderDigest: string;
  family: AdapterFamily;
}

/** SHA-256 of the request's canonical JSON, 64 lower-case hexadecimal digits. */
export function artifactKey(request: ArtifactRequest): Promise<string> {
  const { blueprintId, host, pipeline, shaderDigest, family } = request;
  return sha256Hex(canonicalJson({ blueprintId, host, pipeline, shaderDigest, family }));
}
