/** `esper blueprint --compile`: the forge's report on one blueprint, on this machine's adapter. */
import { InputError, NoAdapterError } from '#shared/base/errors.ts';
import type { ArtifactManifest, Pipeline } from '#shared/contracts/blueprint.ts';
import { createGpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { shaderDigest } from '#shared/engine/kernels/shader-text.ts';
import { createReferenceBackend } from '#shared/engine/reference/reference-backend.ts';
import { FileBlobStorage } from '#shared/platform/deno.ts';
import { compileArtifact } from '#shared/tezzeret/compiler.ts';
import { forgeTuning } from '#shared/workbench/forge-tuning.ts';
import { openTuning } from '#shared/workbench/tuning.ts';
import { CACHE_FOLDER } from './bench.ts';
import type { BlueprintReport } from './blueprint.ts';

/**
 * @throws {InputError} If no host is given that the blueprint fits.
 * @throws {NoAdapterError} Without an adapter there is nothing to verify on.
 */
export async function compileReport(
  { blueprint, hosts }: BlueprintReport,
  pipeline: Pipeline,
): Promise<ArtifactManifest[]> {
  const fitting = hosts.filter((h) => h.preview !== null);
  if (fitting.length === 0) throw new InputError('Cannot compile: the blueprint fits no host');
  const backend = await createGpuBackend(navigator.gpu).catch((error: unknown) => {
    if (!(error instanceof NoAdapterError)) throw error;
    throw new NoAdapterError(
      'Cannot find a graphics adapter to verify on: type "npx esper doctor --install"',
    );
  });
  const digest = await shaderDigest();
  openTuning(backend, { storage: new FileBlobStorage(CACHE_FOLDER), shaderDigest: digest });
  const tune = forgeTuning(backend, digest);
  const manifests: ArtifactManifest[] = [];
  try {
    for (const { host } of fitting) {
      const { manifest } = await compileArtifact(blueprint, host, {
        ...{ backend, reference: createReferenceBackend(), pipeline, shaderDigest: digest },
        ...(tune ? { tune } : {}),
      });
      manifests.push(manifest);
    }
  } finally {
    await backend.close();
  }
  return manifests;
}

/** The report of an artifact as lines. */
export function compileText(manifest: ArtifactManifest): string[] {
  const { kernels, measured, pipeline, verification } = manifest;
  const ms = (value: number | null) => (value === null ? 'unmeasured' : `${value.toFixed(4)} ms`);
  const number = (value: number | null) => (value === null ? '-' : value.toPrecision(3));
  return [
    '',
    `${verification.status} by pipeline ${pipeline} on ${verification.adapter}, ${kernels.length} kernels`,
    ...verification.checks.map(
      ({ bound, detail, name, passed, value }) =>
        `  ${passed ? 'passed' : 'FAILED'}  ${name.padEnd(18)} ${number(value).padStart(9)}  at most ${number(bound)}: ${detail}`,
    ),
    ...(measured
      ? [
          `  cost of a forward and backward pass of ${measured.rows} rows: ${ms(measured.milliseconds)}`,
          ...measured.tuning.map(
            ({ candidates, chosenMs, defaultMs, kernel, verified }) =>
              `  ${kernel}: ${verified} of ${candidates} variants sound, ${ms(defaultMs)} by default, ${ms(chosenMs)} chosen`,
          ),
        ]
      : ['  cost: unmeasured; the pipelines standard and aggressive measure it']),
  ];
}
