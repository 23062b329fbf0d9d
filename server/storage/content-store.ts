/**
 * Blobs under their SHA-256, over any BlobStorage. Every read checks the digest, so corrupt bytes
 * are never served; they are set aside under `quarantine/` and a good upload heals the blob.
 */
import { sha256Hex } from '#shared/base/canonical.ts';
import { CorruptDataError } from '#shared/base/errors.ts';
import type { BlobStorage } from '#shared/platform/platform.ts';
import { type BlobStore, DigestMismatchError } from './ports.ts';

export class ContentStore implements BlobStore {
  #storage: BlobStorage;

  constructor(storage: BlobStorage) {
    this.#storage = storage;
  }

  async put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<'created' | 'exists'> {
    const actual = await sha256Hex(bytes);
    if (actual !== sha256) {
      throw new DigestMismatchError(
        `Cannot store the blob as ${sha256}: the SHA-256 of its ${bytes.byteLength} bytes is ${actual}`,
      );
    }
    const before = await this.#storage.read(keyOf(sha256));
    if (before && (await sha256Hex(before)) === sha256) return 'exists';
    await this.#storage.write(keyOf(sha256), bytes);
    return 'created';
  }

  async get(sha256: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = await this.#storage.read(keyOf(sha256));
    if (!bytes) return null;
    const actual = await sha256Hex(bytes);
    if (actual === sha256) return bytes;
    await this.#storage.write(`quarantine/${sha256}-${actual.slice(0, 16)}`, bytes);
    await this.#storage.remove(keyOf(sha256));
    throw new CorruptDataError(
      `Cannot serve blob ${sha256}: its stored bytes have SHA-256 ${actual} and were set aside; ` +
        'upload it again',
    );
  }

  async ping(): Promise<void> {
    await this.#storage.write('probe', new Uint8Array([1]));
    await this.#storage.remove('probe');
  }
}

function keyOf(sha256: string): string {
  return `sha256/${sha256.slice(0, 2)}/${sha256}`;
}
