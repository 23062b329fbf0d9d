/** The kinds of jobs: compile a blueprint, train an experiment, try a shader. */
import { mkdir } from 'node:fs/promises';
import { InputError, NoAdapterError } from '#shared/base/errors.ts';
import { type JobResult, type JobSpec, jobRunId } from '#shared/contracts/api-jobs.ts';
import { loadDataset } from '#shared/data/dataset.ts';
import { shaderDigest } from '#shared/engine/kernels/shader-text.ts';
import { createReferenceBackend } from '#shared/engine/reference/reference-backend.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { diskFiles } from '#shared/platform/deno.ts';
import { compileArtifact } from '#shared/tezzeret/compiler.ts';
import { createUrzaClient } from '#shared/tezzeret/urza-client.ts';
import { lintWgsl } from '#shared/tezzeret/wgsl-lint.ts';
import { forgeTuning } from '#shared/workbench/forge-tuning.ts';
import { Bench } from './bench.ts';
import { applyOptions } from './experiment-source.ts';
import type { JobLine, JobOrder } from './job-line.ts';
import type { TrainOutput } from './train-options.ts';
import { hasCheckpoint, trainRun } from './training.ts';

/** What was compiled is not thrown away for a server that restarts. */
const STORING = { whenOpen: 'wait', retries: 20, deadlineMs: 60_000 } as const;

/** The job was asked to stop before it was done. */
export class StoppedError extends Error {
  override name = 'StoppedError';
}

type Write = (line: JobLine) => void;

/** @throws {StoppedError} If `stop` aborts; an experiment is saved in the job's folder first. */
export async function doJob(
  order: JobOrder,
  spec: JobSpec,
  stop: AbortSignal,
  write: Write,
): Promise<JobResult> {
  switch (spec.kind) {
    case 'experiment':
      return await train(order, spec, stop, write);
    case 'compile':
      return await compile(order, spec, stop, write);
    case 'shader':
      return await tryShader(spec.wgsl, write);
  }
}

function reporting(write: Write): TrainOutput {
  let last = Number.NEGATIVE_INFINITY;
  const isDue = () => {
    const now = performance.now();
    if (now - last < 500) return false;
    last = now;
    return true;
  };
  return {
    progress({ step, totalSteps, loss, accuracy }) {
      if (!isDue()) return;
      const measured = [
        ...(loss === null ? [] : [`loss ${loss.toPrecision(3)}`]),
        ...(accuracy === null ? [] : [`accuracy ${accuracy.toFixed(3)}`]),
      ];
      const message = [`step ${step} of ${totalSteps}`, ...measured].join(', ');
      write({ type: 'progress', progress: { share: step / totalSteps, message } });
    },
    work({ label, share }) {
      if (isDue()) write({ type: 'progress', progress: { share, message: label } });
    },
    event: () => undefined,
    note: (message) => console.error(message),
    warn: (message) => console.error(message),
  };
}

async function train(
  { id, deliverMs, fence, serverUrl, folder }: JobOrder,
  spec: Extract<JobSpec, { kind: 'experiment' }>,
  stop: AbortSignal,
  write: Write,
): Promise<JobResult> {
  const experiment = applyOptions(spec.experiment, { growth: spec.growth });
  const output = reporting(write);
  const dataset = await loadDataset(experiment.data, experiment.seed, diskFiles);
  await mkdir(folder, { recursive: true });
  const bench = new Bench(serverUrl, output);
  const runId = jobRunId(id, spec.kind)!;
  try {
    // Of an earlier try on this machine; on another one the run starts over, to the same bits.
    const resume = await hasCheckpoint(folder);
    write({ type: 'begin' });
    let unsent = 0;
    const finished = await trainRun({
      ...{ bench, experiment, dataset, runId, folder, resume, output, stop },
      ...{ deliverMs, lease: { job: id, fence } },
      onUnsent: (events) => {
        unsent = events;
      },
    });
    if (finished.status === 'interrupted') throw new StoppedError('interrupted');
    // Trained it is, and kept in the folder: the next try has only the log to hand in.
    if (unsent > 0) throw new Error(`The server was not told of the last ${unsent} events`);
    const { type: _type, seq: _seq, step: _step, time: _time, ...result } = finished;
    if (finished.status === 'failed') {
      throw new InputError(`The run ${runId} cannot go on; its events say why`);
    }
    return { run_id: runId, name: experiment.name, seed: experiment.seed, ...result };
  } finally {
    await bench.close();
  }
}

async function compile(
  { serverUrl }: JobOrder,
  spec: Extract<JobSpec, { kind: 'compile' }>,
  stop: AbortSignal,
  write: Write,
): Promise<JobResult> {
  const bench = new Bench(serverUrl, reporting(write));
  try {
    const { backend, services } = await bench.get();
    write({ type: 'begin' });
    const digest = await shaderDigest();
    const tune = forgeTuning(backend, digest);
    const measuring = spec.pipeline === 'fast' ? '' : ', tuning and timing its kernels';
    write({
      type: 'progress',
      progress: { share: null, message: `verifying ${spec.blueprint.name}${measuring}` },
    });
    const artifact = await compileArtifact(spec.blueprint, spec.host, {
      backend,
      reference: createReferenceBackend(),
      pipeline: spec.pipeline,
      shaderDigest: digest,
      ...(tune ? { tune } : {}),
    });
    if (stop.aborted) throw new StoppedError('stopped');
    if (!services) throw new Error('A compile job needs a server to store its artifact');
    write({ type: 'progress', progress: { share: 0.9, message: 'storing the artifact' } });
    await createUrzaClient(services.client('urza'), systemClock).upload(artifact, STORING);
    const { manifest } = artifact;
    return {
      kernel: artifact.id,
      key: manifest.key ?? null,
      blueprint: manifest.blueprintId,
      pipeline: manifest.pipeline,
      status: manifest.verification.status,
      adapter: manifest.verification.adapter,
      checks: manifest.verification.checks.length,
      // Absent: the pipeline measures nothing.
      ...(manifest.measured ? { measured: manifest.measured } : {}),
    };
  } finally {
    await bench.close();
  }
}

/**
 * Compiles a shader nobody vouches for. This process may not survive it, which is why it is one of
 * its own; the worker ends it after a few seconds.
 */
async function tryShader(wgsl: string, write: Write): Promise<JobResult> {
  const [fault] = lintWgsl(wgsl);
  if (fault) throw new InputError(`Cannot take the shader: line ${fault.line}: ${fault.detail}`);
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new NoAdapterError('Cannot find a graphics adapter');
  const device = await adapter.requestDevice();
  write({ type: 'begin' });
  const started = performance.now();
  try {
    device.pushErrorScope('validation');
    device.pushErrorScope('internal');
    const module = device.createShaderModule({ code: wgsl });
    const { messages } = await module.getCompilationInfo();
    const fault = messages.find(({ type }) => type === 'error');
    if (fault) {
      throw new InputError(
        `The shader does not compile: line ${fault.lineNum}: ${fault.message.slice(0, 1000)}`,
      );
    }
    const entries = [...wgsl.matchAll(/@compute[\s\S]*?\bfn\s+(\w+)/g)].map(
      (match) => match[1] ?? '',
    );
    for (const entryPoint of entries) {
      await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module, entryPoint },
      });
    }
    const errors = [await device.popErrorScope(), await device.popErrorScope()];
    const error = errors.find((e) => e !== null);
    if (error) throw new InputError(`The shader does not compile: ${error.message}`);
    const { architecture, description, vendor } = adapter.info;
    return {
      entry_points: entries,
      compile_ms: Math.round(performance.now() - started),
      adapter: description || [vendor, architecture].filter(Boolean).join(' '),
    };
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `The shader does not compile: ${error instanceof Error ? error.message : error}`,
    );
  } finally {
    device.destroy();
  }
}
