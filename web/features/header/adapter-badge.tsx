/** What the run computes on, with a plain warning where that is slow. */
import { useId } from 'react';
import type { AdapterReport } from '../../../shared/contracts/engine-protocol.ts';
import { useRunStore } from '../../run-store.ts';
import styles from './header.module.css';

const LANES: Record<AdapterReport['kind'], { label: string; meaning: string }> = {
  gpu: { label: 'GPU', meaning: 'Trains on this graphics processor through WebGPU' },
  software: {
    label: 'Software GPU',
    meaning:
      'WebGPU works, but the processor stands in for a graphics card: results are right, speed is not. ' +
      'Turn on hardware acceleration in the browser settings for full speed',
  },
  reference: {
    label: 'No WebGPU',
    meaning:
      'No WebGPU adapter was found, so plain TypeScript in float64 computes: slow but right. ' +
      'Use a recent Chrome or Edge with hardware acceleration for full speed',
  },
};

export function AdapterBadge() {
  const adapter = useRunStore((s) => s.adapter);
  const id = useId();
  if (!adapter) return <span className={styles['adapter']}>Looking for a GPU…</span>;
  const { label, meaning } = LANES[adapter.kind];
  const isSlow = adapter.kind !== 'gpu';
  return (
    <>
      <button
        type="button"
        className={`${styles['adapter']} ${isSlow ? styles['slow'] : ''}`}
        popoverTarget={id}
        title={meaning}
        data-testid="adapter"
      >
        {isSlow && <span aria-hidden="true">▲ </span>}
        {label}: {adapter.name}
      </button>
      <div id={id} popover="auto" className={styles['about']}>
        <p>{meaning}.</p>
        {adapter.note !== undefined && <p>{adapter.note}</p>}
        <p>
          {[adapter.name, adapter.vendor, adapter.architecture].filter((s) => s !== '').join(', ')}.
          Features: {adapter.features.join(', ') || 'none'}
        </p>
      </div>
    </>
  );
}
