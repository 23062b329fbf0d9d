/** Pieces of uploads under way, as blobs `uploads/<id>/<offset>` beside a description. */
import type { UploadState } from '#shared/contracts/api-uploads.ts';
import type { BlobStorage } from '#shared/platform/platform.ts';

interface Description {
  id: string;
  sha256: string;
  bytes: number;
  /** Milliseconds since 1970. */
  startedAt: number;
}

const folder = (id: string) => `uploads/${id}/`;
const pieceKey = (id: string, offset: number, end: number) =>
  `${folder(id)}${String(offset).padStart(12, '0')}-${String(end).padStart(12, '0')}`;

export class PieceStore {
  #storage: BlobStorage;
  /** Uploads that take a piece at this moment. */
  #busy = new Set<string>();

  constructor(storage: BlobStorage) {
    this.#storage = storage;
  }

  async begin(description: Description): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(description));
    await this.#storage.write(`${folder(description.id)}upload.json`, bytes);
  }

  async state(id: string): Promise<UploadState | null> {
    const description = await this.#describe(id);
    if (!description) return null;
    const { sha256, bytes } = description;
    return { id, sha256, bytes, offset: (await this.#pieces(id)).at(-1)?.end ?? 0 };
  }

  /** @returns False if another piece came at the same time. */
  async append({ id, offset }: UploadState, piece: Uint8Array<ArrayBuffer>): Promise<boolean> {
    if (this.#busy.has(id)) return false;
    this.#busy.add(id);
    try {
      if (((await this.#pieces(id)).at(-1)?.end ?? 0) !== offset) return false;
      await this.#storage.write(pieceKey(id, offset, offset + piece.byteLength), piece);
      return true;
    } finally {
      this.#busy.delete(id);
    }
  }

  /** All pieces, in order. */
  async join({ id, bytes }: UploadState): Promise<Uint8Array<ArrayBuffer>> {
    const whole = new Uint8Array(bytes);
    for (const { key, offset } of await this.#pieces(id)) {
      const piece = await this.#storage.read(key);
      if (piece) whole.set(piece, offset);
    }
    return whole;
  }

  async remove(id: string): Promise<void> {
    // The description last: what a crash leaves can still be found and removed.
    const keys = await this.#storage.list(folder(id));
    for (const key of keys.filter((k) => !k.endsWith('upload.json')))
      await this.#storage.remove(key);
    await this.#storage.remove(`${folder(id)}upload.json`);
  }

  async count(): Promise<number> {
    return (await this.#ids()).length;
  }

  /** Removes uploads begun before that time. */
  async sweep(before: number): Promise<number> {
    let removed = 0;
    for (const id of await this.#ids()) {
      const description = await this.#describe(id);
      if (!description || description.startedAt >= before) continue;
      await this.remove(id);
      removed++;
    }
    return removed;
  }

  async #ids(): Promise<string[]> {
    const keys = await this.#storage.list('uploads/');
    return keys.filter((key) => key.endsWith('/upload.json')).map((key) => key.split('/')[1] ?? '');
  }

  async #describe(id: string): Promise<Description | null> {
    const bytes = await this.#storage.read(`${folder(id)}upload.json`);
    return bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as Description) : null;
  }

  async #pieces(id: string): Promise<{ key: string; offset: number; end: number }[]> {
    const pieces = (await this.#storage.list(folder(id))).flatMap((key) => {
      const match = /\/(\d{12})-(\d{12})$/.exec(key);
      return match ? [{ key, offset: Number(match[1]), end: Number(match[2]) }] : [];
    });
    return pieces.sort((a, b) => a.offset - b.offset);
  }
}
