/** The decision boundary of a stored run, small. */
import { useEffect, useRef } from 'react';
import type { StoredRunView } from '../../../shared/contracts/branch-protocol.ts';
import { useEffectiveTheme } from '../../theme.ts';
import { boundaryPixels, describeBoundary } from '../../ui/boundary-pixels.ts';
import { classColor } from '../../ui/class-look.ts';
import styles from './branches.module.css';

export function BoundaryThumb({ view, name }: { view: StoredRunView; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useEffectiveTheme();
  const { boundary, points } = view;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!boundary || !context) return;
    const ground = theme === 'light' ? ([255, 255, 255] as const) : ([21, 27, 34] as const);
    const pixels = boundaryPixels(boundary, classColor, ground, 0.6);
    const { resolution } = boundary;
    context.putImageData(new ImageData(pixels, resolution, resolution), 0, 0);
  }, [boundary, theme]);
  if (!boundary) return <p className={styles['none']}>{name}: no boundary to show</p>;
  const { misplaced, points: count } = describeBoundary(boundary, points);
  return (
    <figure className={styles['thumb']}>
      <canvas
        ref={canvas}
        width={boundary.resolution}
        height={boundary.resolution}
        role="img"
        aria-label={`Decision boundary of ${name} at step ${boundary.step}: ${misplaced} of ${count} training points in another class's area`}
      />
      <figcaption>
        {name}, step {boundary.step}: {misplaced} of {count} points misplaced
      </figcaption>
    </figure>
  );
}
