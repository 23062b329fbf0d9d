/** One wrong test row: its picture, what it is, and what the network takes it for. */
import { useEffect, useRef } from 'react';
import type { DataReport, Mistake } from '../../../shared/contracts/engine-protocol.ts';
import { useEffectiveTheme } from '../../theme.ts';
import styles from './predictions.module.css';
import { paintImage, paintSignal } from './row-picture.ts';

interface MistakeCardProps {
  mistake: Mistake;
  data: DataReport;
}

export function MistakeCard({ mistake, data }: MistakeCardProps) {
  const ref = useRef<HTMLCanvasElement>(null);
  const theme = useEffectiveTheme();
  const { values } = mistake;
  const { imageShape } = data;
  useEffect(() => {
    const canvas = ref.current;
    if (!canvas) return;
    if (imageShape) paintImage(canvas, values, imageShape);
    else paintSignal(canvas, values, theme);
  }, [values, imageShape, theme]);
  const truth = data.classes[mistake.label] ?? String(mistake.label);
  const taken = data.classes[mistake.predicted] ?? String(mistake.predicted);
  const sure = `${(mistake.confidence * 100).toFixed(0)} %`;
  return (
    <li className={styles['card']}>
      <canvas
        ref={ref}
        className={styles['picture']}
        role="img"
        aria-label={`Test row ${mistake.row}`}
      />
      <span className={styles['verdict']}>
        <b>{truth}</b> taken for <b>{taken}</b>
      </span>
      <span className={styles['sure']}>{sure} sure</span>
    </li>
  );
}
