/** Every decision of the policy with its why: rule, evidence, confidence, urgency and source. */
import { memo, useState } from 'react';
import type { Evidence } from '../../../shared/contracts/decision.ts';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { useRunStore } from '../../run-store.ts';
import { CheckField } from '../../ui/field.tsx';
import { formatMeasured } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import styles from './decision-log.module.css';

type DecisionEvent = Extract<RunEvent, { type: 'decision' }>;

/** More entries would only slow the page; the run's log has them all. */
const MAX_SHOWN = 80;

const ACTIONS: Record<DecisionEvent['decision']['action'], string> = {
  wait: 'Wait',
  germinate: 'Germinate',
  advance: 'Advance',
  cull: 'Prune',
  fossilize: 'Fossilise',
};

export function DecisionLog({ className }: { className?: string | undefined }) {
  const events = useRunStore((s) => s.events);
  const source = useRunStore((s) =>
    s.snapshot && s.snapshot.status !== 'idle' ? s.snapshot.policySource : null,
  );
  const [showsWaits, setShowsWaits] = useState(false);
  const all = events.filter((e): e is DecisionEvent => e.type === 'decision');
  const chosen = showsWaits ? all : all.filter((e) => e.decision.action !== 'wait');
  const shown = foldRepeats(chosen).slice(-MAX_SHOWN).reverse();
  return (
    <Panel
      title="Decisions"
      note={source === null ? undefined : SOURCES[source]}
      tools={<CheckField label="Show waits" checked={showsWaits} onChange={setShowsWaits} />}
      className={className}
      flush
    >
      {shown.length > 0 ? (
        <ScrollRegion className={styles['scroll']} label="Decisions, latest first">
          <ol className={styles['list']}>
            {shown.map(({ event, first }) => (
              <Entry key={event.seq} event={event} firstStep={first} />
            ))}
          </ol>
        </ScrollRegion>
      ) : (
        <Empty title={all.length > 0 ? `${all.length} looks, all to wait` : 'No decisions yet'}>
          {all.length > 0
            ? (all.at(-1)?.decision.reason ?? '')
            : 'The policy looks at the run at a fixed interval and says why it acts.'}
        </Empty>
      )}
    </Panel>
  );
}

/** A policy that repeats itself look after look makes one entry: the latest, and since when. */
function foldRepeats(events: readonly DecisionEvent[]): { event: DecisionEvent; first: number }[] {
  const folded: { event: DecisionEvent; first: number }[] = [];
  for (const event of events) {
    const last = folded.at(-1);
    if (last && isRepeat(last.event.decision, event.decision)) last.event = event;
    else folded.push({ event, first: event.step });
  }
  return folded;
}

function isRepeat(a: DecisionEvent['decision'], b: DecisionEvent['decision']): boolean {
  return a.action === b.action && a.rule === b.rule && a.layerId === b.layerId && a.slot === b.slot;
}

const SOURCES = {
  'in-process': 'decided in this page',
  server: 'decided by the server',
  none: 'no policy',
} as const;

const ORIGINS = { 'in-process': 'this page', server: 'server', schedule: "the run's schedule" };

interface EntryProps {
  event: DecisionEvent;
  /** Step of the first of these decisions, where several alike follow each other. */
  firstStep: number;
}

const Entry = memo(function Entry({ event, firstStep }: EntryProps) {
  const { decision, source } = event;
  const target =
    decision.layerId === null ? '' : `${decision.layerId} slot ${decision.slot ?? '?'}`;
  return (
    <li>
      <details className={styles['entry']}>
        <summary className={styles['summary']}>
          <span className={styles['step']}>{event.step}</span>
          <span className={`${styles['action']} ${styles[decision.action] ?? ''}`}>
            {ACTIONS[decision.action]}
          </span>
          <span className={styles['what']}>
            {[target, decision.blueprint].filter((part) => part).join(', ')}
            {firstStep < event.step && (
              <span className={styles['since']}>, at each look since step {firstStep}</span>
            )}
          </span>
          <span className={styles['reason']}>{decision.reason}</span>
        </summary>
        <div className={styles['why']}>
          <dl className={styles['facts']}>
            <Fact term="Rule" value={decision.rule} />
            <Fact term="Confidence" value={decision.confidence.toFixed(2)} />
            <Fact term="Urgency" value={decision.urgency.toFixed(2)} />
            <Fact term="Source" value={ORIGINS[source]} />
          </dl>
          {decision.evidence.length > 0 && <EvidenceTable evidence={decision.evidence} />}
        </div>
      </details>
    </li>
  );
});

function Fact({ term, value }: { term: string; value: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function EvidenceTable({ evidence }: { evidence: readonly Evidence[] }) {
  return (
    <table className={styles['evidence']}>
      <thead>
        <tr>
          <th scope="col">Evidence</th>
          <th scope="col">Value</th>
          <th scope="col">Must be</th>
          <th scope="col">Holds</th>
        </tr>
      </thead>
      <tbody>
        {evidence.map((fact) => (
          <tr key={fact.name}>
            <th scope="row">{fact.name}</th>
            <td>{formatMeasured(fact.value)}</td>
            <td>
              {fact.comparison === null || fact.threshold === null
                ? '–'
                : `${fact.comparison} ${formatMeasured(fact.threshold)}`}
            </td>
            <td className={fact.holds ? styles['holds'] : styles['fails']}>
              {fact.holds ? '✓ yes' : '✕ no'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
