/**
 * A small ZIP reader, for NPZ archives: stored and deflated entries, checked against their CRC-32.
 *
 * Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory),
 * 4.3.16 (end record).
 */
import { InputError } from '../base/errors.ts';
import { inflate } from './inflate.ts';

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;

interface ZipEntry {
  name: string;
  method: number;
  encrypted: boolean;
  crc: number;
  packedBytes: number;
  plainBytes: number;
  localOffset: number;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 as ZIP, gzip and PNG use it. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** An open archive: entry names in the order of its directory, and their contents. */
export interface ZipArchive {
  names: string[];
  /** @throws {InputError} When there is no such entry, or it is damaged. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Opens an archive held in memory.
 *
 * @param fileName Named in messages.
 * @throws {InputError} `Cannot read "a.npz": not a ZIP archive, or cut off (no end record found)`
 */
export function openZip(bytes: Uint8Array<ArrayBuffer>, fileName: string): ZipArchive {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = readDirectory(view, bytes, fileName);
  return {
    names: [...entries.keys()],
    async read(name) {
      const entry = entries.get(name);
      if (!entry) {
        throw new InputError(
          `Cannot read "${fileName}": it has no entry "${name}", only ${[...entries.keys()].join(', ')}`,
        );
      }
      return readEntry(view, bytes, entry, `"${name}" of "${fileName}"`);
    },
  };
}

function findEnd(view: DataView, fileName: string): number {
  const lowest = Math.max(0, view.byteLength - END_BYTES - LONGEST_COMMENT);
  for (let at = view.byteLength - END_BYTES; at >= lowest; at--) {
    if (view.getUint32(at, true) === END_SIGNATURE) return at;
  }
  throw new InputError(
    `Cannot read "${fileName}": not a ZIP archive, or cut off (no end record found)`,
  );
}

function readDirectory(view: DataView, bytes: Uint8Array, fileName: string): Map<string, ZipEntry> {
  const end = findEnd(view, fileName);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff) {
    throw new InputError(
      `Cannot read "${fileName}": ZIP64 archives (over 4 GiB) are not supported`,
    );
  }
  const entries = new Map<string, ZipEntry>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY_SIGNATURE) {
      throw new InputError(`Cannot read "${fileName}": its directory is damaged at byte ${at}`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    entries.set(name, {
      name,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) === 1,
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      plainBytes: view.getUint32(at + 24, true),
      localOffset: view.getUint32(at + 42, true),
    });
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

async function readEntry(
  view: DataView,
  bytes: Uint8Array<ArrayBuffer>,
  entry: ZipEntry,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (entry.encrypted) throw new InputError(`Cannot read ${what}: it is encrypted`);
  if (entry.method !== 0 && entry.method !== 8) {
    throw new InputError(
      `Cannot read ${what}: compression method ${entry.method}, only stored (0) and deflate (8) are supported`,
    );
  }
  const local = entry.localOffset;
  if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL_SIGNATURE) {
    throw new InputError(`Cannot read ${what}: no local header at byte ${local}`);
  }
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + entry.packedBytes > bytes.length) {
    throw new InputError(`Cannot read ${what}: the archive is cut off`);
  }
  const packed = bytes.slice(start, start + entry.packedBytes);
  let plain = packed;
  if (entry.method === 8) {
    try {
      plain = await inflate(packed, 'deflate-raw');
    } catch (error) {
      throw new InputError(`Cannot read ${what}: its compressed data is damaged`, { cause: error });
    }
  }
  if (plain.length !== entry.plainBytes || crc32(plain) !== entry.crc) {
    throw new InputError(`Cannot read ${what}: its checksum does not match; fetch the file again`);
  }
  return plain;
}
