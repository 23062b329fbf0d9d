/** Artifacts of any size whose digests hold, without compiling anything. */
import { sha256Hex } from '../base/canonical.ts';
import { libraryBlueprint } from '../blueprints/library.ts';
import { type CompiledArtifact, manifestId } from './artifact.ts';

/** @param weightBytes Size of the weights, which makes up most of an entry's. */
export async function testArtifact(name: string, weightBytes = 100): Promise<CompiledArtifact> {
  const blueprint = libraryBlueprint('low-rank-4');
  const wgsl = `// kernel of ${name}: α\n@compute fn main() {}\n`;
  const weights = new Uint8Array(weightBytes).map((_, i) => i * 7 + name.length);
  const manifest: CompiledArtifact['manifest'] = {
    version: 1,
    key: await testKey(name),
    family: 'reference',
    shaderDigest: await testKey('shaders'),
    blueprintId: await testKey('blueprint'),
    blueprintName: blueprint.name,
    blueprint,
    host: { kind: 'linear', input: [8], outFeatures: 4 },
    pipeline: 'fast',
    kernels: [{ name: 'linear', sha256: await testKey('kernel') }],
    parameters: [],
    parameterCount: 0,
    wgslSha256: await sha256Hex(wgsl),
    weightsSha256: await sha256Hex(weights),
    verification: { status: 'validated', adapter: name, checks: [] },
  };
  return { id: await manifestId(manifest), manifest, wgsl, weights };
}

/** A key of the right form. */
export function testKey(name: string): Promise<string> {
  return sha256Hex(name);
}

/** The bytes with one bit of one byte turned over. */
export function flipped(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[at] = copy[at]! ^ (1 << (at % 8));
  return copy;
}
