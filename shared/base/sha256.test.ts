import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256Hex } from './canonical.ts';
import { sha256HexSync } from './sha256.ts';

it('gives the digests of the standard', () => {
  expect(sha256HexSync('')).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  expect(sha256HexSync('abc')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

it('gives as many leading digits as are asked for', () => {
  expect(sha256HexSync('abc', 16)).toBe('ba7816bf8f01cfea');
});

it('is what the platform computes, at every length around a block and for any text', async () => {
  for (let n = 50; n < 140; n++) {
    const text = 'x'.repeat(n);
    expect(sha256HexSync(text)).toBe(await sha256Hex(text));
  }
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 300 }), async (text) => {
      expect(sha256HexSync(text)).toBe(await sha256Hex(text));
    }),
    { numRuns: 60 },
  );
  // Beyond the scratch buffer, and short again after it.
  for (const text of ['é'.repeat(2000), 'x'.repeat(316), 'x'.repeat(317), 'abc']) {
    expect(sha256HexSync(text)).toBe(await sha256Hex(text));
  }
});
