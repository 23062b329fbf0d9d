/**
 * SHA-256 without a promise, for texts of a few hundred bytes: the platform's digest is
 * asynchronous, and thirty of those cost more than the decisions they name. For files and tensors
 * use canonical.ts `sha256Hex`.
 *
 * Source: FIPS 180-4.
 */

const K = new Uint32Array(64);
const INITIAL = new Uint32Array(8);

// The first 32 bits of the fractional parts of the cube and square roots of the first primes.
let found = 0;
for (let n = 2; found < 64; n++) {
  let isPrime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false;
  if (!isPrime) continue;
  K[found] = Math.floor((Math.cbrt(n) % 1) * 0x100000000);
  if (found < 8) INITIAL[found] = Math.floor((Math.sqrt(n) % 1) * 0x100000000);
  found++;
}

const encoder = new TextEncoder();
const words = new Uint32Array(64);
const state = new Uint32Array(8);

/** Lower-case hexadecimal SHA-256 of the text as UTF-8. */
export function sha256HexSync(text: string): string {
  const bytes = encoder.encode(text);
  // Message, a one bit, zeros, and the length in bits as 64-bit big-endian.
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
  view.setUint32(padded.length - 4, bytes.length << 3);
  state.set(INITIAL);
  for (let at = 0; at < padded.length; at += 64) compress(view, at);
  let hex = '';
  for (const word of state) hex += word.toString(16).padStart(8, '0');
  return hex;
}

function compress(view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15] as number;
    const y = words[i - 2] as number;
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    words[i] = ((words[i - 16] as number) + s0 + (words[i - 7] as number) + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as number[] as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + s1 + choice + (K[i] as number) + (words[i] as number)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  const next = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] = (state[i] as number) + (next[i] as number);
}

function rotate(x: number, n: number): number {
  return (x >>> n) | (x << (32 - n));
}
