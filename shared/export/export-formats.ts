/** How each export is made, by the names of contracts/export-format.ts. */
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { ExportFormatName } from '../contracts/export-format.ts';
import type { ExportedNetwork } from './exported-network.ts';
import { onnxFile } from './onnx-file.ts';
import { seriesOf } from './series.ts';
import { seriesCsv } from './series-csv.ts';
import { stateDictFile } from './state-dict-file.ts';
import { tensorboardFile, tensorboardName } from './tensorboard.ts';

export interface ExportSource {
  /** Names the run inside of files. */
  runId: string;
  experiment: Experiment;
  events: readonly RunEvent[];
  /** The network of the newest checkpoint. @throws {InputError} If there is none. */
  network(): Promise<ExportedNetwork>;
  /** All that is stored of the run, as one file that can be opened again. */
  capsule(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface ExportFormat {
  /** Ending of the exported file, or of the folder when `fileName` names a file in it. */
  extension: string;
  mediaType: string;
  /** Only where the reader looks for files by name in a folder. */
  fileName?(source: ExportSource): string;
  write(source: ExportSource): Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>;
}

const encode = (text: string) => new TextEncoder().encode(text);

export const EXPORT_FORMATS: Readonly<Record<ExportFormatName, ExportFormat>> = {
  onnx: {
    extension: 'onnx',
    mediaType: 'application/octet-stream',
    write: async (source) => onnxFile(await source.network(), source.runId),
  },
  safetensors: {
    extension: 'safetensors',
    mediaType: 'application/octet-stream',
    write: async (source) => stateDictFile(await source.network(), source.runId),
  },
  tensorboard: {
    extension: 'tensorboard',
    mediaType: 'application/octet-stream',
    fileName: ({ events }) => tensorboardName(beganAt(events)),
    write: ({ events }) => tensorboardFile(seriesOf(events), beganAt(events)),
  },
  csv: {
    extension: 'csv',
    mediaType: 'text/csv',
    write: ({ events }) => encode(seriesCsv(seriesOf(events))),
  },
  json: {
    extension: 'json',
    mediaType: 'application/json',
    write: (source) => encode(`${JSON.stringify(runDocument(source), null, 2)}\n`),
  },
  capsule: {
    extension: 'capsule',
    mediaType: 'application/zip',
    write: (source) => source.capsule(),
  },
};

/** Milliseconds since 1970; 0 where no event has a time. */
function beganAt(events: readonly RunEvent[]): number {
  return events.find((e) => e.time !== undefined)?.time ?? 0;
}

function runDocument({ events, experiment, runId }: ExportSource) {
  const series: Record<string, [step: number, value: number][]> = {};
  for (const { step, tag, value } of seriesOf(events)) {
    series[tag] ??= [];
    series[tag].push([step, value]);
  }
  return { run: runId, experiment, series, events };
}
