import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, writeZip } from './_test-files.ts';
import { parseNpy } from './npy.ts';
import { crc32, openZip } from './zip.ts';

/** numpy.savez and savez_compressed of x_train (4 x 3 float32 quarters) and y_train (int64). */
const STORED =
  'UEsDBC0AAAAAAAAAIQDG5klV//////////8LABQAeF90cmFpbi5ucHkBABAAsAAAAAAAAACwAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICg0LCAzKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAgD4AAAA/AABAPwAAgD8AAKA/AADAPwAA4D8AAABAAAAQQAAAIEAAADBAUEsDBC0AAAAAAAAAIQDScJ12//////////8LABQAeV90cmFpbi5ucHkBABAAoAAAAAAAAACgAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxpOCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICg0LCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAAAAAAAAAABQSwECLQMtAAAAAAAAACEAxuZJVbAAAACwAAAACwAAAAAAAAAAAAAAgAEAAAAAeF90cmFpbi5ucHlQSwECLQMtAAAAAAAAACEA0nCddqAAAACgAAAACwAAAAAAAAAAAAAAgAHtAAAAeV90cmFpbi5ucHlQSwUGAAAAAAIAAgByAAAAygEAAAAA';
const DEFLATED =
  'UEsDBC0AAAAIAAAAIQDG5klV//////////8LABQAeF90cmFpbi5ucHkBABAAsAAAAAAAAABnAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GiY6CsaaOgq1CmQDLgYwaLADEvYMDA5A3ADEC4D4ABA/AGIGBwYGASBWAGIDBwBQSwMELQAAAAgAAAAhANJwnXb//////////wsAFAB5X3RyYWluLm5weQEAEACgAAAAAAAAAEsAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaJjqaOgq1ChQALgYoYESjYQAAUEsBAi0DLQAAAAgAAAAhAMbmSVVnAAAAsAAAAAsAAAAAAAAAAAAAAIABAAAAAHhfdHJhaW4ubnB5UEsBAi0DLQAAAAgAAAAhANJwnXZLAAAAoAAAAAsAAAAAAAAAAAAAAIABpAAAAHlfdHJhaW4ubnB5UEsFBgAAAAACAAIAcgAAACwBAAAAAA==';

describe('crc32()', () => {
  it('gives the check value of the standard', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});

describe('openZip()', () => {
  it.each([
    ['stored', STORED],
    ['deflated', DEFLATED],
  ])('reads a %s archive that NumPy wrote', async (_, base64) => {
    const archive = openZip(fromBase64(base64), 'a.npz');
    expect(archive.names).toEqual(['x_train.npy', 'y_train.npy']);
    const x = parseNpy(await archive.read('x_train.npy'), 'x');
    expect([...x.values]).toEqual(Array.from({ length: 12 }, (__, i) => i / 4));
    expect([...parseNpy(await archive.read('y_train.npy'), 'y').values]).toEqual([0, 1, 1, 0]);
  });

  it('returns what was put in', async () => {
    const entries = fc.dictionary(
      fc.constantFrom('a', 'b.npy', 'ü'),
      fc.uint8Array({ maxLength: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(entries, fc.boolean(), async (content, isDeflated) => {
        const files = Object.fromEntries(
          Object.entries(content).map(([name, bytes]) => [name, new Uint8Array(bytes)]),
        );
        const archive = openZip(writeZip(files, isDeflated), 'a.npz');
        expect(archive.names.toSorted()).toEqual(Object.keys(files).toSorted());
        for (const [name, bytes] of Object.entries(files)) {
          expect(await archive.read(name)).toEqual(bytes);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('notices damage', async () => {
    const bytes = fromBase64(STORED);
    bytes[200]! ^= 1;
    await expect(openZip(bytes, 'a.npz').read('x_train.npy')).rejects.toThrow(
      'Cannot read "x_train.npy" of "a.npz": its checksum does not match',
    );
    const packed = fromBase64(DEFLATED);
    packed.fill(0xff, 70, 100);
    await expect(openZip(packed, 'a.npz').read('x_train.npy')).rejects.toThrow('is damaged');
    expect(() => openZip(fromBase64(STORED).slice(0, -30), 'a.npz')).toThrow('no end record found');
    await expect(openZip(fromBase64(STORED), 'a.npz').read('z')).rejects.toThrow(
      'it has no entry "z", only x_train.npy, y_train.npy',
    );
  });
});
