/** Where the trainer gets artifacts from; implemented by tezzeret's kernel cache and forge. */
import type { Blueprint, HostShape } from '../contracts/blueprint.ts';
import type { Numerics } from '../contracts/numerics.ts';

export interface ProvidedArtifact {
  /** SHA-256 of the manifest. */
  id: string;
  /** Every check of the forge passed. */
  validated: boolean;
  /** The bytes match the digests of the manifest. */
  digestMatches: boolean;
  parameters: number;
  /** Where it came from; outside every digest, since all sources give the same bytes. */
  origin: 'memory' | 'storage' | 'urza' | 'forge';
  /** Why it is not valid, in plain words. */
  reason: string | null;
}

export interface ArtifactSource {
  /**
   * Bounded: settles whatever the network does. What is not cached is fetched, and what cannot be
   * fetched is compiled here.
   *
   * @throws {Error} On an unexpected fault, counted against the seed.
   */
  provide(blueprint: Blueprint, host: HostShape): Promise<ProvidedArtifact>;
}

/** The source, asked for seeds whose products are in a numeric class; for `f32` the source itself. */
export function artifactsIn(source: ArtifactSource, numerics: Numerics): ArtifactSource {
  if (numerics === 'f32') return source;
  return { provide: (blueprint, host) => source.provide(blueprint, { ...host, numerics }) };
}
