/** For tests: files held in memory, and writers of the formats that the readers read. */
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { InputError } from '../base/errors.ts';
import type { FileReader } from '../platform/platform.ts';
import { crc32 } from './zip.ts';

/** Real data that may lie beside the checkout; tests that use it skip when it is absent. */
export const SHARED_DATA =
  process.env['ESPER_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

export function memoryFiles(files: Record<string, string | Uint8Array>): FileReader {
  return {
    async read(path) {
      const content = files[path];
      if (content === undefined) throw new InputError(`Cannot read "${path}": no such file`);
      return typeof content === 'string'
        ? new TextEncoder().encode(content)
        : new Uint8Array(content);
    },
  };
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

const IDX_WRITERS = {
  u8: { code: 0x08, bytes: 1, set: (v: DataView, o: number, x: number) => v.setUint8(o, x) },
  i8: { code: 0x09, bytes: 1, set: (v: DataView, o: number, x: number) => v.setInt8(o, x) },
  i16: { code: 0x0b, bytes: 2, set: (v: DataView, o: number, x: number) => v.setInt16(o, x) },
  i32: { code: 0x0c, bytes: 4, set: (v: DataView, o: number, x: number) => v.setInt32(o, x) },
  f32: { code: 0x0d, bytes: 4, set: (v: DataView, o: number, x: number) => v.setFloat32(o, x) },
  f64: { code: 0x0e, bytes: 8, set: (v: DataView, o: number, x: number) => v.setFloat64(o, x) },
};

export function writeIdx(
  type: keyof typeof IDX_WRITERS,
  shape: readonly number[],
  values: readonly number[],
): Uint8Array<ArrayBuffer> {
  const { code, bytes, set } = IDX_WRITERS[type];
  const header = 4 + 4 * shape.length;
  const view = new DataView(new ArrayBuffer(header + bytes * values.length));
  view.setUint32(0, (code << 8) | shape.length);
  shape.forEach((n, i) => {
    view.setUint32(4 + 4 * i, n);
  });
  values.forEach((x, i) => {
    set(view, header + bytes * i, x);
  });
  return new Uint8Array(view.buffer);
}

export function writeNpy(
  descr: string,
  shape: readonly number[],
  values: ArrayBufferView,
  version: 1 | 2 = 1,
): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const prefix = version === 1 ? 10 : 12;
  const headerLength = Math.ceil((prefix + dictionary.length + 1) / 64) * 64 - prefix;
  const bytes = new Uint8Array(prefix + headerLength + values.byteLength);
  const view = new DataView(bytes.buffer);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  if (version === 1) view.setUint16(8, headerLength, true);
  else view.setUint32(8, headerLength, true);
  const header = `${dictionary.padEnd(headerLength - 1)}\n`;
  bytes.set(new TextEncoder().encode(header), prefix);
  bytes.set(
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    prefix + headerLength,
  );
  return bytes;
}

export function writeZip(
  entries: Record<string, Uint8Array<ArrayBuffer>>,
  isDeflated: boolean,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, plain] of Object.entries(entries)) {
    const nameBytes = new TextEncoder().encode(name);
    const packed = isDeflated ? deflateRawSync(plain) : plain;
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    local.setUint16(26, nameBytes.length, true);
    parts.push(new Uint8Array(local.buffer), nameBytes, packed);
    const entry = new DataView(new ArrayBuffer(46));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(10, isDeflated ? 8 : 0, true);
    entry.setUint32(16, crc32(plain), true);
    entry.setUint32(20, packed.length, true);
    entry.setUint32(24, plain.length, true);
    entry.setUint16(28, nameBytes.length, true);
    entry.setUint32(42, offset, true);
    directory.push(new Uint8Array(entry.buffer), nameBytes);
    offset += 30 + nameBytes.length + packed.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, Object.keys(entries).length, true);
  end.setUint32(16, offset, true);
  return Uint8Array.from(Buffer.concat([...parts, ...directory, new Uint8Array(end.buffer)]));
}
