/** One slot: its seed's state, and the commands its stage allows. */
import { memo } from 'react';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import type { SeedSlotState } from '../../../shared/contracts/seed.ts';
import { useRunStore } from '../../run-store.ts';
import { formatCount, formatMeasured } from '../../ui/format.ts';
import { Meter } from '../../ui/meter.tsx';
import { STAGE_LOOKS } from '../../ui/stage.ts';
import { StageChip } from '../../ui/stage-chip.tsx';
import styles from './seed-lattice.module.css';
import { SlotCommands } from './slot-commands.tsx';

interface SlotCardProps {
  slot: SeedSlotState;
  offers: LayerReport['offers'];
}

export const SlotCard = memo(function SlotCard({ slot, offers }: SlotCardProps) {
  const isDormant = slot.stage === 'DORMANT';
  return (
    <article className={styles['card']} aria-label={`Slot ${slot.slot} of ${slot.layerId}`}>
      <header className={styles['head']}>
        <StageChip stage={slot.stage} />
        <span className={styles['who']}>
          {slot.seedId !== null && <b>{slot.seedId}</b>} {slot.blueprint}
        </span>
        {!isDormant && <Since step={slot.stageSince} />}
      </header>
      {!isDormant && (
        <>
          <div className={styles['alpha']}>
            <span>α {slot.alpha.toFixed(2)}</span>
            <Meter
              label={`Alpha of ${slot.seedId ?? 'the seed'}`}
              value={slot.alpha}
              target={slot.alphaTarget}
              color={STAGE_LOOKS[slot.stage].color}
            />
          </div>
          <dl className={styles['facts']}>
            <Fact term="Contribution" value={slot.contribution} />
            <Shapley seedId={slot.seedId} />
            <Fact term="Grad. ratio" value={slot.gradientRatio} />
            <div>
              <dt>Parameters</dt>
              <dd>{formatCount(slot.parameters)}</dd>
            </div>
          </dl>
        </>
      )}
      {slot.folded && <p className={styles['note']}>Folded: the layer computes it itself</p>}
      <Embargo slot={slot} />
      <SlotCommands slot={slot} offers={offers} />
    </article>
  );
});

function Fact({ term, value }: { term: string; value: number | null }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd className={value === null ? styles['unmeasured'] : undefined}>{formatMeasured(value)}</dd>
    </div>
  );
}

/** The seed's share where several were weighed against each other; nothing where it stood alone. */
function Shapley({ seedId }: { seedId: string | null }) {
  const share = useRunStore((s) => {
    const last = s.events.findLast((e) => e.type === 'contribution');
    return last?.type === 'contribution'
      ? last.seeds.find((each) => each.seedId === seedId)?.shapley
      : undefined;
  });
  return share === undefined ? null : <Fact term="Shapley" value={share} />;
}

function Since({ step }: { step: number }) {
  const now = useRunStore((s) => s.snapshot?.step ?? 0);
  return <span className={styles['since']}>{formatCount(Math.max(0, now - step))} steps</span>;
}

function Embargo({ slot }: { slot: SeedSlotState }) {
  const now = useRunStore((s) => s.snapshot?.step ?? 0);
  const isResting = slot.embargoUntil > now && ['DORMANT', 'CULLED'].includes(slot.stage);
  if (!isResting) return null;
  return <p className={styles['note']}>Rests until step {formatCount(slot.embargoUntil)}</p>;
}
