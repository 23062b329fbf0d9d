/** Classes of sizes: what is chosen for one size holds for all of its class. */

/** Next power of two: shapes of about the same size share a tile. */
export function sizeClass(n: number): number {
  return n <= 8 ? n : 2 ** Math.ceil(Math.log2(n));
}
