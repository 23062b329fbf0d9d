/** `esper twin`: measures seeds beside twins that never had them, and keeps the figures in the run. */
import { InputError } from '#shared/base/errors.ts';
import { readHistory } from '#shared/workbench/run-history.ts';
import { measureTwin } from '#shared/workbench/twin-run.ts';
import { storeTwin, type TwinEvent } from '#shared/workbench/twins.ts';
import { Bench } from './bench.ts';
import type { TwinCommandOptions } from './branch-options.ts';
import { figure, grouped } from './progress.ts';
import { openRunSource } from './run-source.ts';
import type { TrainOutput } from './train-options.ts';

/** @throws {InputError} If no seed germinated, or the run has not come that far. */
export async function runTwin(
  { folder, seed, steps }: TwinCommandOptions,
  output: TrainOutput,
  stop: AbortSignal,
): Promise<TwinEvent[]> {
  const source = await openRunSource(folder, 'compare');
  const bench = new Bench(null, output);
  const twins: TwinEvent[] = [];
  try {
    const { done, events } = await readHistory(source.storage);
    const germinated = events.flatMap((e) =>
      e.type === 'transition' && e.from === 'DORMANT' && e.seedId ? [e.seedId] : [],
    );
    if (seed === null && germinated.length === 0) {
      throw new InputError(`Cannot compare "${folder}" with a twin: no seed germinated in it`);
    }
    for (const seedId of seed === null ? germinated : [seed]) {
      const twin = await measureTwin(await bench.get(), source.storage, {
        ...{ seedId, horizon: steps, dataset: source.dataset, stop: () => stop.aborted },
        onProgress: (share) => output.work({ share, label: `twin of ${seedId}` }),
      });
      if (!twin) break;
      const last = events.reduce((n, e) => Math.max(n, e.step), 0);
      await storeTwin(source.storage, twin, done ? last : null);
      twins.push(twin);
    }
    return twins;
  } finally {
    await bench.close();
    await source.close();
  }
}

export function twinText(twin: TwinEvent): string {
  const { blueprint, causal, germinatedStep, horizon, loss, removal, seedId, twinLoss } = twin;
  return [
    `${seedId} (${blueprint}), ${grouped(horizon)} steps after its germination at step ${grouped(germinatedStep)}`,
    `  validation loss  ${figure(loss)}, without the seed ever ${figure(twinLoss)}`,
    `  causal           ${figure(causal)}`,
    `  removal          ${removal === null ? 'not measured' : figure(removal)}`,
  ].join('\n');
}
