/** What a person can take away from a run: the experiment, the event log, the weights. */
import { writeSafetensors } from '../base/safetensors.ts';
import type { EngineRequest, ExportedFile } from '../contracts/engine-protocol.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { LineLog } from '../platform/platform.ts';
import type { Trainer } from '../tolaria/trainer.ts';

export type ExportFormat = Extract<EngineRequest, { kind: 'export' }>['format'];

export interface ExportSource {
  runId: string;
  experiment: Experiment;
  trainer: Trainer;
  /** Null where the run keeps nothing. */
  events: LineLog | null;
}

export async function exportRun(format: ExportFormat, run: ExportSource): Promise<ExportedFile> {
  const { events, experiment, runId, trainer } = run;
  switch (format) {
    case 'experiment':
      return textFile(`${runId}.json`, 'application/json', JSON.stringify(experiment, null, 2));
    case 'events': {
      // Not yet stored, or no longer: a full disk must not cost a person the log.
      const lines = [...((await events?.readAll()) ?? []), ...trainer.log.unsaved];
      return textFile(`${runId}.jsonl`, 'application/jsonl', lines.join('\n'));
    }
    case 'safetensors': {
      const tensors = await trainer.runtime.exportTensors();
      for (const name of [...tensors.keys()]) if (name.startsWith('moment')) tensors.delete(name);
      const bytes = writeSafetensors({ tensors, metadata: { run: runId } });
      const mediaType = 'application/octet-stream';
      return { name: `${runId}.safetensors`, mediaType, bytes: bytes.buffer };
    }
  }
}

function textFile(name: string, mediaType: string, text: string): ExportedFile {
  return { name, mediaType, bytes: new TextEncoder().encode(`${text}\n`).buffer };
}
