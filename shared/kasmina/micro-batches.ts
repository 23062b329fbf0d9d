/**
 * A batch in equal parts, computed one after the other: their gradients add up in order before the
 * one update, so that the activations of one part take the memory of those before it.
 *
 * The update is that of the whole batch up to rounding: the sums have another order, so a run with
 * other parts has other bits. A run with one part has the nodes of a run without this.
 */
import { differentiate } from '../engine/plan/autodiff.ts';
import type { Graph, Tensor } from '../engine/plan/graph.ts';

export class MicroBatches {
  readonly count: number;
  #graph: Graph;
  /** Gradients so far by the parameter's id. */
  #sums = new Map<number, Tensor>();

  constructor(graph: Graph, count: number) {
    this.#graph = graph;
    this.count = count;
  }

  /** Rows of a part; the batch itself where there is only one. */
  rows(batch: Tensor, part: number): Tensor {
    if (this.count === 1) return batch;
    const length = batch.shape[0]! / this.count;
    const attrs = { start: part * length, length };
    return this.#graph.one('batch_rows', [batch], attrs, `${batch.name}.${part}`);
  }

  /**
   * Adds a part's gradients to those of the parts before.
   *
   * @param gradient Of the part's mean loss by the logits.
   * @param wanted Ids of parameters.
   */
  differentiate(logits: Tensor, gradient: Tensor, wanted: ReadonlySet<number>): void {
    const graph = this.#graph;
    if (this.count === 1) {
      differentiate(graph, new Map([[logits.id, gradient]]), wanted);
      return;
    }
    const share = graph.one('scale', [gradient], { factor: 1 / this.count }, `${gradient.name}.1`);
    for (const [id, part] of differentiate(graph, new Map([[logits.id, share]]), wanted)) {
      part.role = 'activation';
      part.parameterId = null;
      const before = this.#sums.get(id);
      this.#sums.set(id, before ? graph.one('add', [before, part], {}, part.name) : part);
    }
  }

  /** Call after the last part: what was summed becomes the parameters' gradients. */
  finish(): void {
    for (const [id, sum] of this.#sums) {
      sum.role = 'parameter-gradient';
      sum.parameterId = id;
    }
  }

  /** Row statistics of two parts that follow each other. */
  join(a: Tensor, b: Tensor): Tensor {
    return this.#graph.one('join_batches', [a, b], {}, a.name);
  }
}
