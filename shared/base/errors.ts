/**
 * Errors that callers catch by class. Messages start with the action, quote values, give the
 * current and the required state, name the fix, and have no final period.
 */

/** The person's input is wrong: a file, a key, an argument. The CLI exits with 2. */
export class InputError extends Error {
  override name = 'InputError';
}

/** No usable GPU adapter. The CLI exits with 3. */
export class NoAdapterError extends Error {
  override name = 'NoAdapterError';
}

/** The device lacks an optional feature that the run asks for. The CLI exits with 3. */
export class MissingFeatureError extends Error {
  override name = 'MissingFeatureError';
}

/** A shader did not compile; the message names the file and line in the source tree. */
export class ShaderCompileError extends Error {
  override name = 'ShaderCompileError';
}

/** The GPU device went away. */
export class DeviceLostError extends Error {
  override name = 'DeviceLostError';
}

/** What was asked for is more than a device or a kernel can hold; the message names the fix. */
export class LimitError extends RangeError {
  override name = 'LimitError';
}

/** Training cannot go on: its numbers are not finite, and no remedy helped. */
export class DivergedError extends Error {
  override name = 'DivergedError';
}

/** A command that the stage table does not allow. */
export class StageTransitionError extends Error {
  override name = 'StageTransitionError';
}

/** A stored thing does not match its digest or its format. */
export class CorruptDataError extends Error {
  override name = 'CorruptDataError';
}

/** Storage refused to take more. */
export class StorageFullError extends Error {
  override name = 'StorageFullError';
}

/** Message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
