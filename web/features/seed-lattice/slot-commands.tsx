/** Germinate, prune, advance, fossilise and alpha; what the gates refuse comes back as a toast. */
import { useEffect, useState } from 'react';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import type { SeedSlotState } from '../../../shared/contracts/seed.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import controls from '../../ui/controls.module.css';
import { RangeField } from '../../ui/field.tsx';
import { formatCount } from '../../ui/format.ts';
import { slotActions } from '../../ui/stage.ts';
import styles from './seed-lattice.module.css';

interface SlotCommandsProps {
  slot: SeedSlotState;
  offers: LayerReport['offers'];
}

export function SlotCommands({ slot, offers }: SlotCommandsProps) {
  const actions = useRunActions();
  const isLive = useRunStore((s) => ['running', 'paused'].includes(s.snapshot?.status ?? ''));
  const allowed = slotActions(slot.stage);
  // A run that has ended takes no step at which a command could take effect.
  if (allowed.length === 0 || !isLive) return null;
  if (allowed.includes('germinate')) return <Germinate slot={slot} offers={offers} />;
  const target = { layerId: slot.layerId, slot: slot.slot };
  const name = slot.seedId ?? `slot ${slot.slot}`;
  const button = (kind: 'advance' | 'fossilize' | 'cull', label: string) =>
    allowed.includes(kind) && (
      <Button
        small
        aria-label={`${label} ${name}`}
        onClick={() => void actions.command({ kind, ...target })}
      >
        {label}
      </Button>
    );
  return (
    <div className={styles['commands']}>
      {button('advance', 'Advance')}
      {button('fossilize', 'Fossilise')}
      {button('cull', 'Prune')}
      {allowed.includes('setAlpha') && <AlphaSlider slot={slot} />}
    </div>
  );
}

/** Longer than the engine takes to answer: then the slider follows the engine again. */
const HELD_MS = 1500;

function AlphaSlider({ slot }: { slot: SeedSlotState }) {
  const actions = useRunActions();
  const [held, setHeld] = useState<number | null>(null);
  useEffect(() => {
    if (held === null) return;
    const timer = setTimeout(() => setHeld(null), HELD_MS);
    return () => clearTimeout(timer);
  }, [held]);
  const value = held ?? slot.alphaTarget;
  return (
    <div className={styles['slider']}>
      <RangeField
        label={`Target α ${value.toFixed(2)}`}
        min={0}
        max={1}
        step={0.05}
        value={value}
        valueText={value.toFixed(2)}
        onChange={(alpha) => {
          setHeld(alpha);
          const { layerId, slot: index } = slot;
          void actions.command({ kind: 'setAlpha', layerId, slot: index, alpha });
        }}
      />
    </div>
  );
}

function Germinate({ slot, offers }: SlotCommandsProps) {
  const actions = useRunActions();
  const [choice, setChoice] = useState<string | null>(null);
  const blueprint = offers.find((o) => o.blueprint === choice)?.blueprint ?? offers[0]?.blueprint;
  if (blueprint === undefined) return <p className={styles['note']}>No blueprint fits here</p>;
  const { layerId, slot: index } = slot;
  return (
    <div className={styles['germinate']}>
      <select
        className={controls['input']}
        aria-label={`Blueprint for slot ${index} of ${layerId}`}
        value={blueprint}
        onChange={(event) => setChoice(event.target.value)}
      >
        {offers.map((offer) => (
          <option key={offer.blueprint} value={offer.blueprint}>
            {offer.blueprint} (+{formatCount(offer.parameters)})
          </option>
        ))}
      </select>
      <Button
        small
        aria-label={`Germinate in slot ${index} of ${layerId}`}
        onClick={() => void actions.command({ kind: 'germinate', layerId, slot: index, blueprint })}
      >
        Germinate
      </Button>
    </div>
  );
}
