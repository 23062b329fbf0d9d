/** A bar for a share in [0, 1], with an optional mark at its target. */
import styles from './meter.module.css';

interface MeterProps {
  label: string;
  value: number;
  target?: number;
  /** CSS custom property of the bar's colour. */
  color?: string;
}

export function Meter({ label, value, target, color = '--accent' }: MeterProps) {
  const share = Math.min(1, Math.max(0, value));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a native meter draws no target and no stage colour
    <div
      className={styles['track']}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={1}
      aria-valuenow={Number(share.toFixed(3))}
    >
      <div
        className={styles['fill']}
        style={{ width: `${share * 100}%`, background: `var(${color})` }}
      />
      {target !== undefined && target > 0 && target < 1 && (
        <div className={styles['target']} style={{ left: `${target * 100}%` }} />
      )}
    </div>
  );
}
