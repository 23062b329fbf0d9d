/**
 * Puts a run together from its parts: data, network, policy, artifacts, services. The one place
 * that the page's worker and the command line share, so that a file trains the same in both.
 */
import { libraryNamesFor } from '../blueprints/library.ts';
import { blueprintFinder } from '../blueprints/own-blueprints.ts';
import type { JobLease } from '../contracts/api-jobs.ts';
import type { WarmUpReport } from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { activationOf } from '../contracts/host.ts';
import type { PolicyKnowledge } from '../contracts/knowledge.ts';
import type { RunSchedule } from '../contracts/lineage.ts';
import type { UploadStatus } from '../contracts/services.ts';
import { type Dataset, loadDataset } from '../data/dataset.ts';
import { checkTokens } from '../data/tokens.ts';
import type { Backend } from '../engine/plan/backend.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { growableLayers } from '../kasmina/growing-network.ts';
import type { BlobStorage, Clock, FileReader, RunStorage } from '../platform/platform.ts';
import { createPolicy } from '../tamiyo/create-policy.ts';
import { DecisionSource } from '../tolaria/decision-source.ts';
import { layersOf, sitesOf } from '../tolaria/growth-sites.ts';
import {
  INITIAL_WEIGHTS,
  type InitialWeights,
  readInitialWeights,
} from '../tolaria/initial-weights.ts';
import { type NewEvent, parseEvent } from '../tolaria/run-log.ts';
import { Trainer, type TrainerOptions } from '../tolaria/trainer.ts';
import { checkPolicy } from './check-policy.ts';
import { ForgeWarmUp } from './forge-warm-up.ts';
import { type KnowledgeStore, serverKnowledge } from './knowledge-store.ts';
import { policyMeasurements } from './policy-measurements.ts';
import { keepLearned, readKnowledge, recordedKnowledge } from './run-knowledge.ts';
import { RunUpload } from './run-upload.ts';
import type { Services } from './services.ts';
import { storedTwins } from './twins.ts';

/** What outlives a single run. */
export interface Workbench {
  backend: Backend;
  artifacts: ArtifactSource;
  /** Null: no server was named; everything happens in process. */
  services: Services | null;
  clock: Clock;
  files: FileReader;
  shaderDigest: string;
  /** Make what growth may need beforehand, beside training. Absent: only when it is needed. */
  warmKernels?: boolean;
  /** Where policies keep what they learned when no server does. Absent: nowhere. */
  knowledge?: KnowledgeStore;
}

export interface OpenRunOptions
  extends Pick<
    TrainerOptions,
    | 'onEvent'
    | 'onSteps'
    | 'onEvaluation'
    | 'onStorageFull'
    | 'replicaSeeds'
    | 'tuning'
    | 'historyBytes'
  > {
  runId: string;
  experiment: Experiment;
  storage: RunStorage | null;
  resume: boolean;
  /**
   * What is done to a new run and when, instead of what the policy would decide; see
   * tolaria/run-schedule.ts. A resumed run has its schedule in its storage.
   */
  schedule?: RunSchedule;
  /** Loaded already, for this experiment; absent: it is loaded here. */
  dataset?: Dataset;
  /** Storage of the run that is done over; its copy of the initial weights is used. */
  original?: BlobStorage;
  /** Of the job whose run this is; see RunUpload. */
  lease?: JobLease;
  /** Called when the server's copy of the log has more events, or waits for the server. */
  onUpload?(): void;
}

export interface OpenRun {
  trainer: Trainer;
  dataset: Dataset;
  /** Events of earlier sittings. */
  earlier: RunEvent[];
  /** The server's copy of the run's log; null: no server was named. */
  upload(): UploadStatus | null;
  /** What was made beforehand; null: nothing is. */
  warmUp(): WarmUpReport | null;
  /**
   * @param deliverMs See RunUpload.close.
   * @returns Events that the server, where there is one, was not told of.
   */
  close(deliverMs?: number): Promise<number>;
}

/** What the host starts from: the run's own copy where there is one, else the file. */
async function initialWeightsOf(
  { files }: Workbench,
  { experiment, original, resume, storage }: OpenRunOptions,
): Promise<InitialWeights | null> {
  const path = experiment.initialWeights;
  if (path === undefined) return null;
  const kept = original ?? (resume ? storage?.blobs : undefined);
  const copy = (await kept?.read(INITIAL_WEIGHTS)) ?? null;
  return readInitialWeights(copy ?? new Uint8Array(await files.read(path)), path);
}

/** @throws {InputError} If the experiment, its data or the stored run are faulty. */
export async function openRun(bench: Workbench, options: OpenRunOptions): Promise<OpenRun> {
  const { experiment, resume, runId, storage } = options;
  const dataset =
    options.dataset ?? (await loadDataset(experiment.data, experiment.seed, bench.files));
  checkPolicy(
    withBlueprints(experiment),
    sitesOf(experiment, dataset).map((site) => site.layerId),
    growableLayers(layersOf(experiment, dataset))
      .filter((layer) => layer.kind !== 'linear' && layer.kind !== 'conv2d')
      .map((layer) => layer.name),
  );
  checkTokens(experiment, dataset);
  const initialWeights = await initialWeightsOf(bench, options);
  const find = blueprintFinder(experiment.growth.ownBlueprints);
  const policy = createPolicy(experiment.policy);
  const { services } = bench;
  services?.nameRun(runId);
  const remote = services && policy.name !== 'manual' ? services.askTamiyo : null;
  const decisions =
    experiment.growth.enabled && policy.name !== 'none'
      ? new DecisionSource((o) => policy.decide(o), remote)
      : null;
  let upload: RunUpload | null = null;
  let warmUp: ForgeWarmUp | null = null;
  const queued: RunEvent[] = [];
  const stores = [
    ...(services ? [serverKnowledge(services.client('tamiyo'))] : []),
    ...(bench.knowledge ? [bench.knowledge] : []),
  ];
  const { first, knowledge } = await knowledgeFor(experiment, resume ? storage : null, stores);
  /** Kept for what it teaches; only a run that its policy decided teaches anything. */
  const seen: RunEvent[] | null =
    experiment.policy.kind === 'bandit' && !options.schedule ? [] : null;
  const trainer = await Trainer.create(
    {
      ...options,
      experiment: withBlueprints(experiment),
      dataset,
      backend: bench.backend,
      artifacts: bench.artifacts,
      decisions,
      advisor: policyMeasurements(find, knowledge),
      firstEvents: first,
      blueprintOf: find,
      initialWeights,
      clock: bench.clock,
      storage,
      shaderDigest: bench.shaderDigest,
      onEvent: (event) => {
        if (upload) upload.add(event);
        else queued.push(event);
        seen?.push(event);
        warmUp?.notice(event);
        options.onEvent?.(event);
      },
    },
    resume,
  );
  const earlier =
    resume && storage
      ? (await storage.events.readAll()).map(parseEvent).slice(0, trainer.resumedEvents)
      : [];
  if (resume && storage) await logTwins(trainer, storage, earlier);
  if (services) {
    upload = new RunUpload({
      runId,
      experiment,
      adapter: bench.backend.adapter.name,
      client: services.client('runs'),
      clock: bench.clock,
      earlier,
      log: storage?.events ?? null,
      ...(options.lease ? { lease: options.lease } : {}),
      ...(options.onUpload ? { onChange: options.onUpload } : {}),
    });
    for (const event of queued) upload.add(event);
  }
  if (bench.warmKernels) {
    const { artifacts, backend, clock } = bench;
    warmUp = new ForgeWarmUp({ artifacts, backend, clock, trainer, blueprintOf: find });
  }
  return {
    trainer,
    dataset,
    earlier,
    upload: () => upload?.status ?? null,
    warmUp: () => warmUp?.report() ?? null,
    async close(deliverMs) {
      await warmUp?.stop();
      const end = seen?.at(-1);
      if (seen && end?.type === 'run.finished' && end.status === 'done') {
        await keepLearned(experiment, trainer.growth.sites, [...earlier, ...seen], stores);
      }
      const unsent = (await upload?.close(deliverMs)) ?? 0;
      trainer.dispose();
      return unsent;
    },
  };
}

/** What the policy knows: as a resumed run recorded it, or as the stores have it now. */
async function knowledgeFor(
  { policy }: Experiment,
  resumed: RunStorage | null,
  stores: readonly KnowledgeStore[],
): Promise<{ knowledge: PolicyKnowledge | null; first: NewEvent[] }> {
  if (policy.kind !== 'bandit') return { knowledge: null, first: [] };
  const recorded = resumed && recordedKnowledge((await resumed.events.readAll()).map(parseEvent));
  if (recorded) return { knowledge: recorded, first: [] };
  const { event, problem } = await readKnowledge(policy, stores);
  const notice: NewEvent[] = problem
    ? [{ type: 'notice', level: 'warning', message: problem }]
    : [];
  return { knowledge: event.knowledge, first: [event, ...notice] };
}

/** A resumed log ends at its checkpoint; what was measured beside the run since then is kept. */
async function logTwins(
  trainer: Trainer,
  storage: RunStorage,
  earlier: readonly RunEvent[],
): Promise<void> {
  const logged = earlier.filter((e) => e.type === 'twin').length;
  for (const twin of (await storedTwins(storage)).slice(logged)) await trainer.record(twin);
}

/** The blueprints a policy may choose from, where the experiment leaves it to the host. */
function withBlueprints(experiment: Experiment): Experiment {
  if (experiment.growth.blueprints) return experiment;
  const blueprints = libraryNamesFor(activationOf(experiment.host));
  return { ...experiment, growth: { ...experiment.growth, blueprints } };
}
