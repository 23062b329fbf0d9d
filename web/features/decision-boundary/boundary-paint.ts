/** Paints the boundary and the training points on a square canvas. */
import type { BoundaryImage, DataReport } from '../../../shared/contracts/engine-protocol.ts';
import { boundaryPixels } from '../../ui/boundary-pixels.ts';
import { classColor, classMark, cssColor, MARK_PATHS, type Rgb } from '../../ui/class-look.ts';
import { boundaryContours } from './boundary-contours.ts';

const GROUNDS: Record<'light' | 'dark', Rgb> = { light: [255, 255, 255], dark: [21, 27, 34] };
const SIZE = 420;
/** More points than this would cover the map; every n-th is drawn. */
const MAX_POINTS = 600;

export function paintBoundary(
  canvas: HTMLCanvasElement,
  image: BoundaryImage,
  points: DataReport['points'],
  theme: 'light' | 'dark',
): void {
  const ratio = window.devicePixelRatio || 1;
  const size = Math.round(SIZE * ratio);
  if (canvas.width !== size) {
    canvas.width = size;
    canvas.height = size;
  }
  const ctx = canvas.getContext('2d');
  if (!ctx) return;
  const { resolution } = image;
  const pixels = boundaryPixels(image, classColor, GROUNDS[theme], theme === 'light' ? 0.5 : 0.62);
  const grid = new OffscreenCanvas(resolution, resolution);
  grid.getContext('2d')?.putImageData(new ImageData(pixels, resolution, resolution), 0, 0);
  ctx.imageSmoothingEnabled = true;
  ctx.imageSmoothingQuality = 'high';
  ctx.drawImage(grid, 0, 0, size, size);
  paintSeams(ctx, image, size, theme, ratio);
  if (points) paintPoints(ctx, image, points, size, theme, ratio);
}

/** A thin line where the likeliest class changes. */
function paintSeams(
  ctx: CanvasRenderingContext2D,
  image: BoundaryImage,
  size: number,
  theme: 'light' | 'dark',
  ratio: number,
): void {
  const cell = size / image.resolution;
  const place = (x: number, y: number): [number, number] => [
    (x + 0.5) * cell,
    size - (y + 0.5) * cell,
  ];
  ctx.beginPath();
  for (const [x0, y0, x1, y1] of boundaryContours(image)) {
    ctx.moveTo(...place(x0, y0));
    ctx.lineTo(...place(x1, y1));
  }
  ctx.strokeStyle = theme === 'light' ? 'rgb(24 32 43 / 45%)' : 'rgb(230 235 241 / 50%)';
  ctx.lineWidth = ratio;
  ctx.stroke();
}

function paintPoints(
  ctx: CanvasRenderingContext2D,
  image: BoundaryImage,
  points: NonNullable<DataReport['points']>,
  size: number,
  theme: 'light' | 'dark',
  ratio: number,
): void {
  const [minX, minY, maxX, maxY] = image.extent;
  const count = points.labels.length;
  const stride = Math.max(1, Math.ceil(count / MAX_POINTS));
  const mark = (count > 300 ? 7 : 9) * ratio;
  for (let i = 0; i < count; i += stride) {
    const label = points.labels[i] as number;
    const x = (((points.xy[i * 2] as number) - minX) / (maxX - minX)) * size;
    const y = size - (((points.xy[i * 2 + 1] as number) - minY) / (maxY - minY)) * size;
    ctx.save();
    ctx.translate(x - mark / 2, y - mark / 2);
    ctx.scale(mark / 12, mark / 12);
    const path = new Path2D(MARK_PATHS[classMark(label)]);
    ctx.lineWidth = 2.4;
    ctx.strokeStyle = theme === 'light' ? 'rgb(255 255 255)' : 'rgb(13 17 22)';
    ctx.stroke(path);
    ctx.fillStyle = cssColor(classColor(label));
    ctx.fill(path);
    ctx.restore();
  }
}
