/**
 * SHA-256 without a promise, for texts of a few hundred bytes: the platform's digest is
 * asynchronous, and thirty of those cost more than the decisions they name. For files and tensors
 * use canonical.ts `sha256Hex`.
 *
 * Source: FIPS 180-4.
 */

const K = new Int32Array(64);
const INITIAL = new Int32Array(8);

// The first 32 bits of the fractional parts of the cube and square roots of the first primes.
let found = 0;
for (let n = 2; found < 64; n++) {
  let isPrime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false;
  if (!isPrime) continue;
  K[found] = Math.floor((Math.cbrt(n) % 1) * 0x100000000) | 0;
  if (found < 8) INITIAL[found] = Math.floor((Math.sqrt(n) % 1) * 0x100000000) | 0;
  found++;
}

const encoder = new TextEncoder();
/** Bytes that are digested without a buffer of their own; covers what decisions are named by. */
const SCRATCH = 1024;
const scratch = new Uint8Array(SCRATCH);
const words = new Int32Array(64);
const state = new Int32Array(8);

/** Two hexadecimal digits for each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * Lower-case hexadecimal SHA-256 of the text as UTF-8.
 *
 * @param digits Leading digits wanted, even; all 64 unless told.
 */
export function sha256HexSync(text: string, digits = 64): string {
  // At most three bytes for a UTF-16 unit, then the end mark and the length.
  const fits = 3 * text.length + 72 <= SCRATCH;
  const bytes = fits ? scratch : new Uint8Array(3 * text.length + 72);
  const length = encoder.encodeInto(text, bytes).written;
  // Message, a one bit, zeros, and the length in bits as 64-bit big-endian.
  const end = (((length + 8) >> 6) + 1) << 6;
  bytes.fill(0, length, end);
  bytes[length] = 0x80;
  writeWord(bytes, end - 8, Math.floor(length / 0x20000000));
  writeWord(bytes, end - 4, length << 3);
  state.set(INITIAL);
  for (let at = 0; at < end; at += 64) compress(bytes, at);
  let hex = '';
  for (let i = 0; i < digits / 2; i++) {
    hex += HEX[((state[i >> 2] as number) >>> (24 - 8 * (i & 3))) & 0xff];
  }
  return hex;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = word >>> (24 - 8 * i);
}

function compress(bytes: Uint8Array, at: number): void {
  for (let i = 0, j = at; i < 16; i++, j += 4) {
    words[i] =
      ((bytes[j] as number) << 24) |
      ((bytes[j + 1] as number) << 16) |
      ((bytes[j + 2] as number) << 8) |
      (bytes[j + 3] as number);
  }
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15] as number;
    const y = words[i - 2] as number;
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    words[i] = ((words[i - 16] as number) + s0 + (words[i - 7] as number) + s1) | 0;
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
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
  add(0, a);
  add(1, b);
  add(2, c);
  add(3, d);
  add(4, e);
  add(5, f);
  add(6, g);
  add(7, h);
}

function add(i: number, value: number): void {
  state[i] = ((state[i] as number) + value) | 0;
}

function rotate(x: number, n: number): number {
  return (x >>> n) | (x << (32 - n));
}
