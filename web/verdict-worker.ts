/**
 * The worker that runs verdicts: an adapter of its own, so that the run on the page goes on. It is
 * started when somebody asks for a verdict, and nothing of it is kept but the report.
 */
import plantedEffect from '../experiments/verdicts/planted-effect.json' with { type: 'json' };
import plantedNull from '../experiments/verdicts/planted-null.json' with { type: 'json' };
import { CorruptDataError, InputError, messageOf } from '../shared/base/errors.ts';
import { Experiment } from '../shared/contracts/experiment.ts';
import {
  type Protocol,
  VerdictFile,
  type VerdictMessage,
  VerdictReport,
  type VerdictRequest,
} from '../shared/contracts/verdict.ts';
import { shaderDigest } from '../shared/engine/kernels/shader-text.ts';
import { createReferenceBackend } from '../shared/engine/reference/reference-backend.ts';
import { systemClock } from '../shared/platform/clock.ts';
import { MemoryBlobStorage, NamedFiles } from '../shared/platform/memory.ts';
import { protocolOf } from '../shared/verdict/protocol.ts';
import { reportHtml } from '../shared/verdict/report-html.ts';
import { runVerdict } from '../shared/verdict/run-verdict.ts';
import { SUITES } from '../shared/verdict/suites/catalog.ts';
import { openArtifacts } from '../shared/workbench/artifacts.ts';
import type { Workbench } from '../shared/workbench/open-run.ts';
import { openBestBackend } from './browser-host.ts';

const CACHE_BYTES = 16 * 2 ** 20;
const CACHE_ENTRIES = 64;
const SHIPPED: Readonly<Record<string, unknown>> = {
  'planted-effect': plantedEffect,
  'planted-null': plantedNull,
};

let stop: AbortController | null = null;
let bench: Workbench | null = null;

function emit(message: VerdictMessage): void {
  self.postMessage(message);
}

function protocolFor({ arms, seeds, what }: Extract<VerdictRequest, { kind: 'run' }>): Protocol {
  if ('experiment' in what) {
    const { name } = what.experiment;
    const file = VerdictFile.parse({ name, experiment: name, arms });
    return protocolOf(file, Experiment.parse(what.experiment), seeds);
  }
  const file = VerdictFile.parse(SHIPPED[what.shipped]);
  return protocolOf({ ...file, arms }, Experiment.parse(file.experiment), seeds);
}

async function openBench(files: NamedFiles): Promise<Workbench> {
  const digest = await shaderDigest();
  const { backend, note } = await openBestBackend(1);
  if (note !== undefined) emit({ kind: 'note', message: `${note}: expect it to be slow` });
  const artifacts = await openArtifacts({
    backend,
    reference: createReferenceBackend(),
    services: null,
    storage: null,
    shaderDigest: digest,
    maxBytes: CACHE_BYTES,
    maxEntries: CACHE_ENTRIES,
  });
  return { backend, artifacts, services: null, clock: systemClock, files, shaderDigest: digest };
}

function dropBench(): void {
  bench?.backend.dispose();
  bench = null;
}

async function run(request: Extract<VerdictRequest, { kind: 'run' }>): Promise<void> {
  stop = new AbortController();
  const files = new NamedFiles(request.files.map((f) => [f.name, new Uint8Array(f.bytes)]));
  try {
    const report = await runVerdict({
      protocol: protocolFor(request),
      bench: async () => {
        bench ??= await openBench(files);
        return bench;
      },
      renew: async () => dropBench(),
      store: new MemoryBlobStorage(),
      code: null,
      stop: stop.signal,
      onProgress: (progress) => emit({ kind: 'progress', progress }),
      onNote: (message) => emit({ kind: 'note', message }),
    });
    emit({ kind: 'report', report, html: reportHtml(report) });
  } finally {
    stop = null;
    dropBench();
  }
}

async function suite({ name, seeds }: Extract<VerdictRequest, { kind: 'suite' }>): Promise<void> {
  stop = new AbortController();
  try {
    bench ??= await openBench(new NamedFiles([]));
    const result = await SUITES[name].run({
      ...{ bench, seeds, dataFolder: null, store: new MemoryBlobStorage() },
      stop: stop.signal,
      onProgress: (share, label) => emit({ kind: 'suite-progress', share, label }),
    });
    emit({ kind: 'suite', result });
  } finally {
    stop = null;
    dropBench();
  }
}

function open(text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CorruptDataError('Cannot open the report: it is not JSON; choose a report.json', {
      cause: error,
    });
  }
  const report = VerdictReport.safeParse(value);
  if (!report.success) {
    throw new InputError(
      'Cannot open the report: it is no verdict of this version; choose a report.json that esper verdict wrote',
    );
  }
  emit({ kind: 'report', report: report.data, html: reportHtml(report.data) });
}

self.addEventListener('message', (event: MessageEvent<VerdictRequest>) => {
  const request = event.data;
  if (request.kind === 'stop') {
    stop?.abort();
    return;
  }
  const work = (async () => {
    if (request.kind === 'run') await run(request);
    else if (request.kind === 'suite') await suite(request);
    else open(request.text);
  })();
  work.catch((error: unknown) => emit({ kind: 'failed', message: messageOf(error) }));
});
