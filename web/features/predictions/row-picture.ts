/** Draws one row of data: an image as pixels, anything else as a line over its features. */

/** Grey or colour, stretched to the row's own range: scaling is undone only for the eye. */
export function imagePixels(
  values: Float32Array,
  [height, width, channels]: readonly [number, number, number],
): Uint8ClampedArray<ArrayBuffer> {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const span = high - low || 1;
  const pixels = new Uint8ClampedArray(height * width * 4);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < 3; c++) {
      const value = values[p * channels + Math.min(c, channels - 1)] as number;
      pixels[p * 4 + c] = ((value - low) / span) * 255;
    }
    pixels[p * 4 + 3] = 255;
  }
  return pixels;
}

export function paintImage(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  shape: readonly [number, number, number],
): void {
  const [height, width] = shape;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  context?.putImageData(new ImageData(imagePixels(values, shape), width, height), 0, 0);
}

const WIDTH = 144;
const HEIGHT = 96;

export function paintSignal(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  theme: 'light' | 'dark',
): void {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d');
  if (!context) return;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  context.beginPath();
  values.forEach((value, i) => {
    const x = 4 + (i / Math.max(1, values.length - 1)) * (WIDTH - 8);
    const y = HEIGHT - 6 - ((value - low) / span) * (HEIGHT - 12);
    context.lineTo(x, y);
  });
  context.strokeStyle = theme === 'light' ? '#0a5fb4' : '#6db4ff';
  context.lineWidth = 2.5;
  context.lineJoin = 'round';
  context.stroke();
}
