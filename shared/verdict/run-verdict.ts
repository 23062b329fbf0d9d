/**
 * Runs a verdict: growth first, then the controls that are made from it. Finished runs are stored,
 * so that a verdict goes on where it was stopped.
 */
import { CorruptDataError, DeviceLostError, InputError, messageOf } from '../base/errors.ts';
import {
  type ArmName,
  ArmRun,
  type Protocol,
  ProtocolRecord,
  type VerdictProgress,
  type VerdictReport,
} from '../contracts/verdict.ts';
import { type Dataset, loadDataset } from '../data/dataset.ts';
import type { BlobStorage } from '../platform/platform.ts';
import type { Workbench } from '../workbench/open-run.ts';
import { controlJobs } from './controls.ts';
import { judge } from './judge.ts';
import { checkSameProtocol, controlsOf, recordOf } from './protocol.ts';
import { type ArmJob, trainArm } from './train-arm.ts';

const PROTOCOL_FILE = 'protocol.json';
export const REPORT_FILE = 'report.json';
/** Device losses in a row after which a verdict is given up. */
const MAX_LOSSES = 3;

export interface VerdictOptions {
  protocol: Protocol;
  /** The workbench to run on; `renew` is asked for another when its device was lost. */
  bench(): Promise<Workbench>;
  renew(): Promise<void>;
  /** Protocol, finished runs and report; memory where nothing is to be kept. */
  store: BlobStorage;
  /** SHA-256 of the program's own sources; null: not known. */
  code: string | null;
  stop: AbortSignal;
  onProgress?(progress: VerdictProgress): void;
  onRun?(run: ArmRun): void;
  /** A line for the person. */
  onNote?(message: string): void;
}

/** @throws {InputError} If data or experiment are faulty, or the store holds another protocol. */
export async function runVerdict(options: VerdictOptions): Promise<VerdictReport> {
  const { protocol } = options;
  const bench = await options.bench();
  const began = bench.clock.now();
  const datasets = new Datasets(protocol, bench);
  const first = await datasets.of(protocol.firstSeed);
  const record = await recordOf(protocol, {
    data: first.source,
    adapter: bench.backend.adapter.name,
    shaders: bench.shaderDigest,
    code: options.code,
  });
  await fixProtocol(options.store, record);
  options.onNote?.(`protocol sha256:${record.hash}, written before the first run`);
  const runs = new RunStore(options);
  await runs.load();
  const notRun = new Map<ArmName, string>();
  await runs.train(await growthJobs(protocol, datasets));
  for (const arm of controlsOf(protocol)) {
    if (options.stop.aborted) break;
    const { jobs, reasons } = await controlJobs(arm, protocol, runs.of('growth'), (seed) =>
      datasets.of(seed),
    );
    if (reasons.length > 0) notRun.set(arm, reasons.join('; '));
    await runs.train(jobs);
  }
  const report: VerdictReport = {
    type: 'verdict.finished',
    version: 1,
    status: options.stop.aborted ? 'interrupted' : 'done',
    protocol: record,
    ...judge(protocol, runs.all, notRun),
    seconds: (bench.clock.now() - began) / 1000,
  };
  await writeJson(options.store, REPORT_FILE, report);
  return report;
}

async function growthJobs(protocol: Protocol, datasets: Datasets): Promise<ArmJob[]> {
  const jobs: ArmJob[] = [];
  for (const seed of seedsOf(protocol)) {
    const { experiment } = protocol;
    const dataset = await datasets.of(seed);
    jobs.push({ arm: 'growth', seeds: [seed], experiment, dataset, widths: null });
  }
  return jobs;
}

export function seedsOf({ firstSeed, seeds }: Protocol): number[] {
  return Array.from({ length: seeds }, (_, i) => firstSeed + i);
}

/** Data of each seed; seeds whose data are the same share them in memory. */
class Datasets {
  #protocol: Protocol;
  #bench: Workbench;
  #bySeed = new Map<number, Dataset>();
  #bySource = new Map<string, Dataset>();

  constructor(protocol: Protocol, bench: Workbench) {
    this.#protocol = protocol;
    this.#bench = bench;
  }

  async of(seed: number): Promise<Dataset> {
    const known = this.#bySeed.get(seed);
    if (known) return known;
    const { data, experiment, firstSeed } = this.#protocol;
    const from = data === 'shared' ? firstSeed : seed;
    const loaded = await loadDataset(experiment.data, from, this.#bench.files);
    const dataset = this.#bySource.get(loaded.source) ?? loaded;
    this.#bySource.set(loaded.source, dataset);
    this.#bySeed.set(seed, dataset);
    return dataset;
  }
}

class RunStore {
  all: ArmRun[] = [];
  #o: VerdictOptions;
  #doneSteps = 0;

  constructor(options: VerdictOptions) {
    this.#o = options;
  }

  of(arm: ArmName): ArmRun[] {
    return this.all.filter((run) => run.arm === arm);
  }

  /** Takes up the runs of an earlier sitting. */
  async load(): Promise<void> {
    for (const key of await this.#o.store.list('run-')) {
      const bytes = await this.#o.store.read(key);
      if (!bytes) continue;
      const run = ArmRun.safeParse(parseJson(bytes, key));
      // A run that cannot be read is made again: the same bits come out.
      if (run.success) this.#add(run.data);
      else this.#o.onNote?.(`${key} is not a run of this version; it is made again`);
    }
    if (this.all.length > 0) this.#o.onNote?.(`going on: ${this.all.length} runs were done before`);
  }

  #add(run: ArmRun): void {
    this.all.push(run);
    this.#doneSteps += run.steps;
  }

  async train(jobs: readonly ArmJob[]): Promise<void> {
    const { stop, store } = this.#o;
    for (const job of jobs) {
      if (stop.aborted) return;
      const isDone = (seed: number) => this.of(job.arm).some((run) => run.seed === seed);
      const seeds = job.seeds.filter((seed) => !isDone(seed));
      if (seeds.length === 0) continue;
      const runs = await this.#trainOnce({ ...job, seeds });
      if (!runs) return;
      for (const run of runs) {
        await writeJson(store, `run-${run.arm}-${run.seed}.json`, run);
        this.#add(run);
        this.#o.onRun?.(run);
      }
    }
  }

  async #trainOnce(job: ArmJob): Promise<ArmRun[] | null> {
    const { protocol, stop } = this.#o;
    const { steps } = job.experiment;
    const count = job.seeds.length;
    const left = protocol.arms.length * protocol.seeds - this.all.length - count;
    const total = this.#doneSteps + steps * count + Math.max(0, left) * protocol.experiment.steps;
    for (let losses = 0; ; losses++) {
      try {
        return await trainArm(await this.#o.bench(), job, {
          stop,
          onStep: (step) =>
            this.#o.onProgress?.({
              arm: job.arm,
              seeds: job.seeds,
              done: this.#doneSteps + step * count,
              total,
            }),
        });
      } catch (error) {
        if (!(error instanceof DeviceLostError) || losses + 1 >= MAX_LOSSES) throw error;
        this.#o.onNote?.(`${messageOf(error)}; making this run again on a new device`);
        await this.#o.renew();
      }
    }
  }
}

/** Writes the protocol down, or makes sure that it is the one that was. */
async function fixProtocol(store: BlobStorage, record: ProtocolRecord): Promise<void> {
  const bytes = await store.read(PROTOCOL_FILE);
  if (!bytes) return await writeJson(store, PROTOCOL_FILE, record);
  const stored = ProtocolRecord.safeParse(parseJson(bytes, PROTOCOL_FILE));
  if (!stored.success) {
    throw new InputError(
      `Cannot read ${PROTOCOL_FILE}: it is not a protocol of this version; name a new folder with --out`,
    );
  }
  checkSameProtocol(stored.data, record);
}

function parseJson(bytes: Uint8Array<ArrayBuffer>, key: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new CorruptDataError(`Cannot read ${key}: it is not JSON; remove the file`, {
      cause: error,
    });
  }
}

async function writeJson(store: BlobStorage, key: string, value: unknown): Promise<void> {
  await store.write(key, new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`));
}
