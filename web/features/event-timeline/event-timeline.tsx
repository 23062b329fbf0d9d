/** What happened in the run, latest first, by kind. */
import { memo, useState } from 'react';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { StageGlyph } from '../../ui/stage-chip.tsx';
import { EventActions } from './event-actions.tsx';
import { EVENT_GROUPS, type EventGroup, eventGroup, eventText } from './event-text.ts';
import styles from './event-timeline.module.css';

const MAX_SHOWN = 120;
const LABELS: Record<EventGroup, string> = {
  growth: 'Growth',
  training: 'Training',
  system: 'System',
};

export function EventTimeline({ className }: { className?: string | undefined }) {
  const events = useRunStore((s) => s.events);
  const dropped = useRunStore((s) => s.eventsDropped);
  const [groups, setGroups] = useState<ReadonlySet<EventGroup>>(new Set(EVENT_GROUPS));
  const [pickedSeq, setPickedSeq] = useState<number | null>(null);
  const picked = events.find((event) => event.seq === pickedSeq) ?? null;
  const toggle = (group: EventGroup): void => {
    const next = new Set(groups);
    if (!next.delete(group)) next.add(group);
    setGroups(next);
  };
  const chosen = events.filter((event) => {
    const group = eventGroup(event);
    return group !== null && groups.has(group);
  });
  const shown = chosen.slice(-MAX_SHOWN).reverse();
  const hidden = chosen.length - shown.length + dropped;
  return (
    <Panel
      title="Timeline"
      note={hidden > 0 ? `${hidden} earlier events are in the event log` : undefined}
      tools={EVENT_GROUPS.map((group) => (
        <Button key={group} small pressed={groups.has(group)} onClick={() => toggle(group)}>
          {LABELS[group]}
        </Button>
      ))}
      className={className}
      flush
    >
      {events.length > 0 && <EventActions event={picked} onDone={() => setPickedSeq(null)} />}
      {shown.length > 0 ? (
        <ScrollRegion className={styles['scroll']} label="Events, latest first">
          <ol>
            {shown.map((event) => (
              <Line
                key={event.seq}
                event={event}
                isPicked={event.seq === pickedSeq}
                onPick={setPickedSeq}
              />
            ))}
          </ol>
        </ScrollRegion>
      ) : (
        <Empty title={events.length > 0 ? 'Nothing under these filters' : 'Nothing happened yet'} />
      )}
    </Panel>
  );
}

interface LineProps {
  event: RunEvent;
  isPicked: boolean;
  onPick: (seq: number | null) => void;
}

const Line = memo(function Line({ event, isPicked, onPick }: LineProps) {
  const isBad = event.type === 'notice' && event.level !== 'info';
  return (
    <li>
      <button
        type="button"
        className={`${styles['line']} ${isPicked ? styles['picked'] : ''}`}
        aria-pressed={isPicked}
        onClick={() => onPick(isPicked ? null : event.seq)}
      >
        <span className={styles['step']}>{event.step}</span>
        <span className={styles['glyph']}>
          {event.type === 'transition' && <StageGlyph stage={event.to} size={13} />}
        </span>
        <span className={isBad || event.type === 'governor' ? styles['warning'] : undefined}>
          {eventText(event)}
        </span>
      </button>
    </li>
  );
});
