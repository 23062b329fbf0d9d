import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptDataError } from '../base/errors.ts';
import { flipped, testArtifact, testKey } from './_test-artifact.ts';
import { manifestId } from './artifact.ts';
import { decodeEntry, encodeEntry } from './cache-entry.ts';

describe('decodeEntry()', () => {
  it('gives back what was encoded', async () => {
    for (const size of [0, 1, 1000]) {
      const artifact = await testArtifact('a', size);
      const key = await testKey('a');
      expect(await decodeEntry(encodeEntry(artifact), key)).toEqual(artifact);
    }
  });

  it('refuses an entry with any one bit turned over, wherever it is', async () => {
    const bytes = encodeEntry(await testArtifact('a'));
    const key = await testKey('a');
    for (let at = 0; at < bytes.length; at++) {
      await expect(decodeEntry(flipped(bytes, at), key)).rejects.toThrow(CorruptDataError);
    }
  });

  it('refuses an entry that is cut, longer, or has bytes of another in it', async () => {
    const bytes = encodeEntry(await testArtifact('a'));
    const key = await testKey('a');
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        await expect(decodeEntry(bytes.slice(0, length), key)).rejects.toThrow(CorruptDataError);
      }),
      { numRuns: 60 },
    );
    await expect(decodeEntry(Uint8Array.from([...bytes, 0]), key)).rejects.toThrow(
      'its parts have other lengths',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        async (at, patch) => {
          const bad = bytes.slice();
          bad.set(patch.subarray(0, bad.length - at), at);
          if (bad.every((b, i) => b === bytes[i])) return;
          await expect(decodeEntry(bad, key)).rejects.toThrow(CorruptDataError);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuses a whole entry that lies under the key of another', async () => {
    const bytes = encodeEntry(await testArtifact('a'));
    const [a, b] = await Promise.all([testKey('a'), testKey('b')]);
    await expect(decodeEntry(bytes, b)).rejects.toThrow(`the manifest has key ${a}, not ${b}`);
  });

  it('refuses consistent lengths and id around blobs that are not those of the manifest', async () => {
    const artifact = await testArtifact('a');
    const key = await testKey('a');
    const wgsl = artifact.wgsl.replace('main', 'evil');
    await expect(decodeEntry(encodeEntry({ ...artifact, wgsl }), key)).rejects.toThrow(
      'the WGSL does not match its digest',
    );
    const weights = flipped(artifact.weights, 5);
    await expect(decodeEntry(encodeEntry({ ...artifact, weights }), key)).rejects.toThrow(
      'the weights do not match their digest',
    );
    const manifest = { ...artifact.manifest, parameterCount: 1 };
    await expect(decodeEntry(encodeEntry({ ...artifact, manifest }), key)).rejects.toThrow(
      'the manifest does not match its id',
    );
  });

  it('refuses a manifest of another version, though its digests hold', async () => {
    const artifact = await testArtifact('a');
    const manifest = { ...artifact.manifest, version: 2 as 1 };
    const id = await manifestId(manifest);
    await expect(
      decodeEntry(encodeEntry({ ...artifact, manifest, id }), await testKey('a')),
    ).rejects.toThrow('the manifest is of another version');
  });
});
