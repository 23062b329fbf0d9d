/** Follows the size of an image through a network while it is described. */
import { windowCount } from '../engine/plan/ops-conv.ts';

export class ImageSize {
  height: number;
  width: number;
  #model: string;

  /**
   * @param input Feature axes of one row.
   * @throws {RangeError} If they are no image:
   *   `Cannot build a cnn for rows of 64 features: give "imageShape" in "data", or use an mlp`
   */
  constructor(model: string, input: readonly number[]) {
    const [height, width] = input;
    if (input.length !== 3) {
      throw new RangeError(
        `Cannot build a ${model} for rows of ${input.join(' x ')} features: give "imageShape" in "data", or use an mlp`,
      );
    }
    this.height = height!;
    this.width = width!;
    this.#model = model;
  }

  /**
   * The size behind a convolution or pool.
   *
   * @param place Names the layer and `fix` the way out, for the message.
   * @throws {RangeError} If the window is larger than the image.
   */
  window(size: number, stride: number, padding: number, place: string, fix: string): void {
    const [height, width] = [this.height, this.width].map((n) =>
      windowCount(n, size, stride, padding),
    ) as [number, number];
    if (height < 1 || width < 1) {
      throw new RangeError(
        `Cannot ${place} of the ${this.#model}: its image is ${this.height} x ${this.width}; ${fix}`,
      );
    }
    this.height = height;
    this.width = width;
  }
}
