/**
 * Counter-based random numbers: Philox4x32-10, keyed by (seed, stream), addressed by counter.
 * No state: any number can be computed on its own, here and in shaders/lib/philox.wgsl, so
 * resume, replay and parallel draws give the same bits. The two are held to one test vector.
 *
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (SC11).
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

export type Words4 = readonly [number, number, number, number];

/** High and low 32 bits of a 32x32-bit product. */
function mulHiLo(a: number, b: number): [number, number] {
  const lo = Math.imul(a, b) >>> 0;
  const ah = a >>> 16;
  const al = a & 0xffff;
  const bh = b >>> 16;
  const bl = b & 0xffff;
  const mid = ah * bl + ((al * bl) >>> 16);
  const mid2 = al * bh + (mid % 0x10000);
  const hi = ah * bh + Math.floor(mid / 0x10000) + Math.floor(mid2 / 0x10000);
  return [hi >>> 0, lo];
}

/** Ten rounds of Philox on a 128-bit counter with a 64-bit key. */
export function philox(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = mulHiLo(M0, c0);
    const [h1, l1] = mulHiLo(M1, c2);
    c0 = (h1 ^ c1 ^ k0) >>> 0;
    c1 = l1;
    c2 = (h0 ^ c3 ^ k1) >>> 0;
    c3 = l0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Uniform in [0, 1) with 24 bits, exactly representable in float32. */
export function unitFloat(word: number): number {
  return (word >>> 8) / 0x1000000;
}

/** FNV-1a hash of a name: the stream number of everything random about that name. */
export function streamOf(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    h = Math.imul(h ^ name.charCodeAt(i), 0x01000193) >>> 0;
  }
  return h;
}

/** A random number source for one purpose; draw i is a pure function of (seed, stream, i). */
export class RandomStream {
  #seed: number;
  #stream: number;
  #next = 0;
  #block: Words4 = [0, 0, 0, 0];
  #blockIndex = -1;

  /** @param name Names the purpose, for example `init/fc1.weight`; it selects the stream. */
  constructor(seed: number, name: string) {
    this.#seed = seed >>> 0;
    this.#stream = streamOf(name);
  }

  /** 32 random bits. */
  word(): number {
    const block = Math.floor(this.#next / 4);
    if (block !== this.#blockIndex) {
      this.#block = philox([block >>> 0, 0, 0, 0], [this.#seed, this.#stream]);
      this.#blockIndex = block;
    }
    return this.#block[(this.#next++ % 4) as 0 | 1 | 2 | 3];
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return unitFloat(this.word());
  }

  /** Integer in [0, n). The bias is below n / 2^32. */
  integer(n: number): number {
    return Math.floor((this.word() / 0x100000000) * n);
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    const u = 1 - this.uniform();
    const v = this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  }

  /** In-place Fisher-Yates shuffle. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const a = items[i] as T;
      items[i] = items[j] as T;
      items[j] = a;
    }
    return items;
  }
}
