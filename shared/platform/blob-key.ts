/** Keys of BlobStorage are relative paths that mean the same on disk, in IndexedDB and in memory. */

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * @returns The key's segments.
 * @throws {RangeError} If a segment is empty, starts with a dot, or has a character outside
 *   letters, digits, dot, dash and underscore: such a key could leave its folder.
 */
export function blobKeySegments(key: string): string[] {
  const segments = key.split('/');
  for (const segment of segments) {
    if (!SEGMENT.test(segment)) {
      throw new RangeError(
        `Cannot store under key "${key}": segment "${segment}" must start with a letter, digit ` +
          'or underscore and hold only these, dots and dashes, at most 128',
      );
    }
  }
  return segments;
}
