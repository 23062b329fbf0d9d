/** A stage as shape, colour and word. */
import type { CSSProperties } from 'react';
import type { SeedStage } from '../../shared/contracts/seed.ts';
import { STAGE_LOOKS, STAGE_SHAPES } from './stage.ts';
import styles from './stage-chip.module.css';

/** The shape alone; give the word beside it. */
export function StageGlyph({ stage, size = 14 }: { stage: SeedStage; size?: number }) {
  const { outline, fill } = STAGE_SHAPES[stage];
  const color = `var(${STAGE_LOOKS[stage].color})`;
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={outline} fill="none" stroke={color} strokeWidth="1.8" strokeLinejoin="round" />
      {fill !== '' && <path d={fill} fill={color} />}
    </svg>
  );
}

export function StageChip({ stage }: { stage: SeedStage }) {
  const { label, color, meaning } = STAGE_LOOKS[stage];
  const style = { '--stage': `var(${color})` } as CSSProperties;
  return (
    <span className={styles['chip']} style={style} title={meaning}>
      <StageGlyph stage={stage} />
      {label}
    </span>
  );
}
