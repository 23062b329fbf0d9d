/** What tests of seeds on their way share, here and on a GPU. */
import type { Decision } from '../contracts/decision.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Trainer } from './trainer.ts';

/** Writes a value that is no number into the first weight of a parameter, on the device. */
export function poison({ runtime }: Trainer, name: string, value = Number.NaN): void {
  const parameter = runtime.arena.parameters.find((p) => p.name === name)!;
  const { buffers } = runtime.arena;
  runtime.backend.writeFloats(buffers.parameters, new Float32Array([value]), parameter.offset);
}

/** Seeds that joined the network, and when. */
export function graftsOf(events: readonly RunEvent[]): { seedId: string | null; step: number }[] {
  return events.flatMap((e) =>
    e.type === 'transition' && e.from === 'LOADING' && e.to === 'TRAINING'
      ? [{ seedId: e.seedId, step: e.step }]
      : [],
  );
}

/** A policy's decision to germinate. */
export function decisionAt(step: number, layerId: string, blueprint: string): Decision {
  return {
    ...{ id: '0123456789abcdef', step, action: 'germinate', layerId, slot: 0, blueprint },
    ...{ rule: 'test', reason: 'A test plants', evidence: [], confidence: 1, urgency: 0 },
  };
}
