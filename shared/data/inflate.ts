/**
 * Decompression through the platform's DecompressionStream, and reading of files that may be
 * gzip-compressed.
 */
import { InputError, messageOf } from '../base/errors.ts';
import type { FileReader } from '../platform/platform.ts';

/** Bytes of a whole compressed stream. @throws When the stream is damaged or cut off. */
export async function inflate(
  bytes: Uint8Array<ArrayBuffer>,
  format: 'gzip' | 'deflate-raw',
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A file's bytes, decompressed when they start with the gzip magic, whatever the file's name.
 *
 * @throws {InputError} `Cannot read "train.csv": the file is empty`, and for damaged gzip data.
 */
export async function readPlain(files: FileReader, path: string): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await files.read(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (bytes.length === 0) throw new InputError(`Cannot read "${path}": the file is empty`);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  let plain: Uint8Array<ArrayBuffer>;
  try {
    plain = await inflate(bytes, 'gzip');
  } catch (error) {
    throw new InputError(
      `Cannot read "${path}": the gzip data is damaged or cut off; fetch the file again`,
      { cause: error },
    );
  }
  if (plain.length === 0) {
    throw new InputError(`Cannot read "${path}": the file is empty once decompressed`);
  }
  return plain;
}
