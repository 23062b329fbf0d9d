/** The newest measurements, for quantiles. */
export class Samples {
  #limit: number;
  #values: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(value: number): void {
    this.#values.push(value);
    if (this.#values.length > this.#limit) this.#values.shift();
  }

  /** Null before the first. */
  quantile(q: number): number | null {
    const sorted = [...this.#values].sort((a, b) => a - b);
    return sorted[Math.floor(q * (sorted.length - 1))] ?? null;
  }
}
