/**
 * Finding an adapter and making a device. Asks for what the adapter can give and no more, so that
 * adapters with only WebGPU's default limits work.
 */
import { NoAdapterError } from '../../base/errors.ts';
import type { AdapterInfo } from '../plan/backend.ts';

const WANTED_FEATURES: readonly GPUFeatureName[] = ['timestamp-query', 'subgroups', 'shader-f16'];
/** Invocations that share numbers in the quad variants of kernels. */
const QUAD = 4;

const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

export interface OpenDevice {
  device: GPUDevice;
  adapter: AdapterInfo;
  /** Whether four neighbouring invocations can share numbers. */
  quads: boolean;
}

/** Names under which CPU renderers report themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|warp|basic render/i;

export function describeAdapter(adapter: GPUAdapter): AdapterInfo {
  const { vendor, architecture, device, description } = adapter.info;
  const all = `${vendor} ${architecture} ${device} ${description}`;
  const fallback = (adapter.info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  const software = fallback || SOFTWARE.test(all);
  const known = all.match(/swiftshader|llvmpipe/i)?.[0];
  const pretty = known ? (/swift/i.test(known) ? 'SwiftShader' : 'llvmpipe') : '';
  return {
    name: description || pretty || [vendor, architecture].filter(Boolean).join(' ') || 'unknown',
    vendor,
    architecture,
    kind: software ? 'software' : 'gpu',
    features: [...adapter.features].sort(),
  };
}

export interface DeviceOptions {
  /**
   * `adapter`: what the adapter can give; `default`: WebGPU's guaranteed limits and no optional
   * feature, as on the smallest adapters. @default {'adapter'}
   */
  limits?: 'adapter' | 'default';
}

/** @throws {NoAdapterError} If WebGPU is absent or offers no adapter; the message names the fix. */
export async function openDevice(
  gpu: GPU | undefined,
  { limits = 'adapter' }: DeviceOptions = {},
): Promise<OpenDevice> {
  if (!gpu) {
    throw new NoAdapterError(
      'Cannot find WebGPU here: use a current Chrome, Edge or Deno, or run on the reference engine',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new NoAdapterError(
      'Cannot find a GPU adapter: install a graphics driver (on Debian or Ubuntu the software one is "apt-get install mesa-vulkan-drivers"), or run on the reference engine',
    );
  }
  if (limits === 'default') {
    const device = await adapter.requestDevice({ label: 'esper' });
    return { device, adapter: describeAdapter(adapter), quads: false };
  }
  const requiredLimits: Record<string, number> = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({
    label: 'esper',
    requiredFeatures: WANTED_FEATURES.filter((f) => adapter.features.has(f)),
    requiredLimits,
  });
  const { subgroupMinSize } = adapter.info as { subgroupMinSize?: number };
  const quads = device.features.has('subgroups') && (subgroupMinSize ?? 0) >= QUAD;
  return { device, adapter: describeAdapter(adapter), quads };
}
