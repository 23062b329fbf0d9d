/** What the network answers everywhere in the plane of a two-feature task. */
import { useEffect, useMemo, useRef } from 'react';
import type { BoundaryImage, DataReport } from '../../../shared/contracts/engine-protocol.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { useEffectiveTheme } from '../../theme.ts';
import { describeBoundary } from '../../ui/boundary-pixels.ts';
import { classColor, classMark, cssColor, MARK_PATHS } from '../../ui/class-look.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { paintBoundary } from './boundary-paint.ts';
import styles from './decision-boundary.module.css';

/** Cells a side: fine enough for two spirals, 64 KiB a message for two classes. */
const RESOLUTION = 90;

export function DecisionBoundary({ className }: { className?: string | undefined }) {
  const actions = useRunActions();
  const data = useRunStore((s) => s.data);
  const image = useRunStore((s) => s.boundary);
  useEffect(() => {
    void actions.setBoundary(RESOLUTION);
    return () => void actions.setBoundary(0);
  }, [actions]);
  return (
    <Panel
      title="Decision boundary"
      note={image ? `step ${image.step}` : undefined}
      className={className}
    >
      {image && data ? (
        <BoundaryMap image={image} data={data} />
      ) : (
        <Empty title="No boundary yet">
          It appears with the first evaluated step: colour is the class, strength the certainty.
        </Empty>
      )}
    </Panel>
  );
}

function BoundaryMap({ image, data }: { image: BoundaryImage; data: DataReport }) {
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const theme = useEffectiveTheme();
  const { points } = data;
  useEffect(() => {
    const canvas = canvasRef.current;
    if (canvas) paintBoundary(canvas, image, points, theme);
  }, [image, points, theme]);
  const description = useMemo(() => describeBoundary(image, points), [image, points]);
  const areas = description.areas
    .map((share, k) => `${data.classes[k] ?? k} holds ${(share * 100).toFixed(0)} %`)
    .join(', ');
  const text = `Step ${image.step}: of the area shown, ${areas}. About ${description.misplaced} of ${description.points} training points lie on the wrong side.`;
  return (
    <figure className={styles['figure']}>
      <canvas ref={canvasRef} className={styles['canvas']} role="img" aria-label={text} />
      <figcaption className={styles['legend']}>
        {data.classes.slice(0, 10).map((name, k) => (
          <span key={name} className={styles['item']}>
            <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
              <path d={MARK_PATHS[classMark(k)]} fill={cssColor(classColor(k))} />
            </svg>
            {name}
          </span>
        ))}
        <span className={styles['wrong']}>
          wrong side: about {description.misplaced} of {description.points}
        </span>
      </figcaption>
    </figure>
  );
}
