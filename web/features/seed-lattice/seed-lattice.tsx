/** Every slot of every layer: what grows there, how far it is, and what a person may do. */
import { memo } from 'react';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import { useRunStore } from '../../run-store.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import styles from './seed-lattice.module.css';
import { SlotCard } from './slot-card.tsx';

const NO_LAYERS: LayerReport[] = [];

export function SeedLattice({ className }: { className?: string | undefined }) {
  const layers = useRunStore((s) => s.snapshot?.layers ?? NO_LAYERS);
  const hasSlots = layers.some((layer) => layer.slots.length > 0);
  const live = layers.flatMap((l) => l.slots).filter((s) => s.stage !== 'DORMANT').length;
  return (
    <Panel
      title="Seed lattice"
      note={hasSlots ? `${live} in use` : undefined}
      className={className}
      flush
    >
      {hasSlots ? (
        <div className={styles['layers']}>
          {layers.map((layer) => (
            <LayerRow key={layer.layerId} layer={layer} />
          ))}
        </div>
      ) : (
        <Empty title={layers.length > 0 ? 'No slots in this run' : 'No slots yet'}>
          {layers.length > 0
            ? 'Growth is off: turn on “Layers carry seed slots” and restart.'
            : 'Each layer of the host gets slots in which seeds can germinate.'}
        </Empty>
      )}
    </Panel>
  );
}

const LayerRow = memo(function LayerRow({ layer }: { layer: LayerReport }) {
  if (layer.slots.length === 0) return null;
  return (
    <section className={styles['layer']} aria-label={`Layer ${layer.layerId}`}>
      <h3 className={styles['name']}>
        {layer.layerId}{' '}
        <span className={styles['kind']}>
          {layer.kind === 'conv2d' ? 'conv' : 'linear'} {layer.inFeatures}→{layer.outFeatures}
        </span>
      </h3>
      <div className={styles['slots']}>
        {layer.slots.map((slot) => (
          <SlotCard key={slot.slot} slot={slot} offers={layer.offers} />
        ))}
      </div>
    </section>
  );
});
