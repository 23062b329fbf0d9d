/**
 * The forge: a blueprint and its host's shapes become a verified artifact. The bytes of WGSL and
 * weights depend on blueprint, host, adapter family and shader sources alone; the manifest also
 * holds the numbers its verification measured.
 */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { messageOf } from '../base/errors.ts';
import { writeSafetensors } from '../base/safetensors.ts';
import { blueprintId } from '../blueprints/canonical-hash.ts';
import { inferShapes } from '../blueprints/ir.ts';
import type {
  ArtifactManifest,
  Blueprint,
  HostShape,
  Pipeline,
  VerificationCheck,
} from '../contracts/blueprint.ts';
import { shaderDigest } from '../engine/kernels/shader-text.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { type CompiledArtifact, manifestId } from './artifact.ts';
import { artifactKey } from './artifact-key.ts';
import { parameterName, seedFragment } from './fragment.ts';
import { BATCH, type KernelText, kernelText, ROWS, rowsOn } from './kernel-text.ts';
import { measureCost, type TuneSeed } from './measure-cost.ts';
import { templateValues } from './test-values.ts';
import { verifySeed } from './verify.ts';

/** WebGPU's default `maxStorageBufferBindingSize`. */
export const DEFAULT_BINDING_BYTES = 2 ** 27;
/** WebGPU's default `maxStorageBuffersPerShaderStage`. */
export const DEFAULT_BINDINGS = 8;

export interface CompileOptions {
  /** The adapter that will train the seed; its work there is not disturbed. */
  backend: Backend;
  /** The float64 oracle, engine/reference `createReferenceBackend()`. */
  reference: Backend;
  /**
   * `fast` verifies. `standard` also tunes the heaviest kernels within half a second and measures the
   * seed's cost; `aggressive` tunes every kernel over every variant first.
   */
  pipeline: Pipeline;
  /** How kernels are tuned on the backend; absent: they keep their defaults. */
  tune?: TuneSeed;
  /** Milliseconds of a clock that goes on. @default {performance.now} */
  now?: () => number;
  /** Digest of all shader sources, where the caller has it. @default {computed} */
  shaderDigest?: string;
  /** Bytes one binding may have on the adapter. @default {DEFAULT_BINDING_BYTES} */
  maxBindingBytes?: number;
}

/**
 * Compiles and verifies. A check that fails gives a `rejected` artifact with its report.
 *
 * @throws {InputError} If the blueprint is not valid or does not fit the host.
 * @throws {ShaderCompileError} If the adapter does not take a kernel.
 */
export async function compileArtifact(
  blueprint: Blueprint,
  host: HostShape,
  options: CompileOptions,
): Promise<CompiledArtifact> {
  const { backend, reference, pipeline } = options;
  const shapes = inferShapes(blueprint, host);
  const family = backend.adapter.kind;
  const identity = {
    blueprintId: await blueprintId(blueprint),
    host,
    pipeline,
    shaderDigest: options.shaderDigest ?? (await shaderDigest()),
    family,
  };
  const weights = templateWeights(blueprint, host, identity.blueprintId);
  const { text, fault } = await lowered(blueprint, host, family);
  const checks = fault
    ? [fault]
    : await verifySeed(blueprint, host, text, {
        backend,
        reference,
        maxBindingBytes: options.maxBindingBytes ?? DEFAULT_BINDING_BYTES,
        maxBindings: DEFAULT_BINDINGS,
      });
  const wgsl = header(blueprint, identity) + text.wgsl;
  const isValid = checks.every((check) => check.passed);
  const measured =
    isValid && pipeline !== 'fast' ? await measure(blueprint, host, pipeline, options) : null;
  const manifest: ArtifactManifest = {
    version: 1,
    key: await artifactKey(identity),
    ...identity,
    blueprintName: blueprint.name,
    blueprint,
    kernels: text.kernels,
    parameters: shapes.parameters.map((p) => ({ ...p, shape: [...p.shape] })),
    parameterCount: shapes.parameterCount,
    wgslSha256: await sha256Hex(wgsl),
    weightsSha256: await sha256Hex(weights),
    ...(measured ? { measured } : {}),
    verification: {
      status: isValid ? 'validated' : 'rejected',
      adapter: backend.adapter.name,
      checks,
    },
  };
  return { id: await manifestId(manifest), manifest, wgsl, weights };
}

async function measure(
  blueprint: Blueprint,
  host: HostShape,
  pipeline: Exclude<Pipeline, 'fast'>,
  { backend, now = () => performance.now(), tune }: CompileOptions,
): Promise<NonNullable<ArtifactManifest['measured']>> {
  const fragment = seedFragment(blueprint, host, rowsOn(host, BATCH));
  const effort = pipeline === 'aggressive' ? 'exhaustive' : 'light';
  const tuning = (await tune?.(fragment.plan, effort)) ?? [];
  return { rows: fragment.batch, milliseconds: await measureCost(backend, fragment, now), tuning };
}

/** Kernel texts, or the failed check that stands for a shape no kernel takes. */
async function lowered(
  blueprint: Blueprint,
  host: HostShape,
  family: ArtifactManifest['family'] & string,
): Promise<{ text: KernelText; fault: VerificationCheck | null }> {
  try {
    return { text: await kernelText(blueprint, host, family), fault: null };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const detail = messageOf(error);
    const fault = { name: 'lowering', passed: false, value: null, bound: null, detail };
    return { text: { kernels: [], wgsl: '', calls: [] }, fault };
  }
}

function templateWeights(blueprint: Blueprint, host: HostShape, id: string) {
  const { plan } = seedFragment(blueprint, host, rowsOn(host, ROWS), 'forward');
  const tensors = new Map(
    plan.parameters.map((p) => [
      parameterName(p),
      { shape: [...p.shape], data: templateValues(p) },
    ]),
  );
  return writeSafetensors({ tensors, metadata: { blueprint: id } });
}

function header(
  blueprint: Blueprint,
  identity: { blueprintId: string; host: HostShape; shaderDigest: string; family: string },
): string {
  return [
    `// Blueprint "${blueprint.name}" ${identity.blueprintId}`,
    `// host ${canonicalJson(identity.host)}`,
    `// adapter family ${identity.family}, shader sources ${identity.shaderDigest}`,
    '// One section a kernel, in order of dispatch, each a module of its own.',
    '',
    '',
  ].join('\n');
}
