/** What a person can take away from a run on the page. */
import { InputError } from '../base/errors.ts';
import type { EngineRequest, ExportedFile } from '../contracts/engine-protocol.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { EXPORT_FORMATS, type ExportSource } from '../export/export-formats.ts';
import { exportedNetwork } from '../export/exported-network.ts';
import type { RunStorage } from '../platform/platform.ts';
import { inputOf } from '../tolaria/growth-sites.ts';
import { parseEvent } from '../tolaria/run-log.ts';
import { writeCapsule } from './capsule.ts';
import type { OpenRun } from './open-run.ts';

export interface LiveRun {
  runId: string;
  experiment: Experiment;
  run: OpenRun;
  /** Null where the run keeps nothing. */
  storage: RunStorage | null;
}

export async function exportRun(
  format: Extract<EngineRequest, { kind: 'export' }>['format'],
  live: LiveRun,
): Promise<ExportedFile> {
  const { experiment, run, runId, storage } = live;
  // Not yet stored, or no longer: a full disk must not cost a person the log.
  const lines = [...((await storage?.events.readAll()) ?? []), ...run.trainer.log.unsaved];
  if (format === 'experiment') {
    return textFile(`${runId}.json`, 'application/json', JSON.stringify(experiment, null, 2));
  }
  if (format === 'events') {
    return textFile(`${runId}.jsonl`, 'application/jsonl', lines.join('\n'));
  }
  const target = EXPORT_FORMATS[format];
  const source: ExportSource = {
    runId,
    experiment,
    events: lines.map(parseEvent),
    network: () => liveNetwork(live),
    capsule: () => liveCapsule(live),
  };
  const bytes = await target.write(source);
  // A run's document must not look like its experiment.
  const name =
    target.fileName?.(source) ?? `${runId}${format === 'json' ? '.run' : ''}.${target.extension}`;
  return { name, mediaType: target.mediaType, bytes: bytes.buffer };
}

async function liveCapsule({ run, runId, storage }: LiveRun) {
  if (!storage)
    throw new InputError('Cannot write a capsule: this browser keeps nothing of the run');
  await run.trainer.save();
  return writeCapsule(storage, runId);
}

async function liveNetwork({ experiment, run }: LiveRun) {
  const { dataset, trainer } = run;
  const state = {
    experiment,
    data: { input: inputOf(dataset), classes: dataset.classes, scaling: dataset.scaling },
    step: trainer.step,
    growth: trainer.growth.state,
    tensors: await trainer.runtime.exportTensors(),
  };
  return exportedNetwork(state, 0);
}

function textFile(name: string, mediaType: string, text: string): ExportedFile {
  return { name, mediaType, bytes: new TextEncoder().encode(`${text}\n`).buffer };
}
