/**
 * A capsule: everything of a run in one file. A ZIP archive that any tool can look into, with a
 * manifest that has the SHA-256 of every part, chained, and of stretches of the event log; its
 * comment seals manifest and archive. Nothing in it can change unnoticed.
 */
import { strToU8, unzipSync, type Zippable, zipSync } from 'fflate';
import { z } from 'zod';
import { sha256Hex } from '../base/canonical.ts';
import { CorruptDataError, InputError } from '../base/errors.ts';
import { stateDictFile } from '../export/state-dict-file.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import { readHistory } from './run-history.ts';
import { storedRun } from './stored-run.ts';

export const CAPSULE_EXTENSION = '.capsule';
const MANIFEST = 'capsule.json';
const EVENTS = 'events.jsonl';
/** The last checkpoint's network, folded, for programs that know nothing of runs. */
const WEIGHTS = 'weights.safetensors';
/** Lines of the event log under one hash of the chain. */
const STRETCH = 64;
/** Bytes of all parts together; a larger capsule is refused before it is unpacked. */
const MAX_BYTES = 2 ** 30;

const hash = z.string().regex(/^[0-9a-f]{64}$/);

export const CapsuleManifest = z.strictObject({
  format: z.literal('esper-capsule'),
  version: z.literal(1),
  run: z.string().min(1).max(200),
  step: z.number().int().nonnegative(),
  /** As the run last started. */
  adapter: z.string(),
  shaderDigest: z.string(),
  configDigest: z.string(),
  parts: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(300),
        bytes: z.number().int().nonnegative(),
        sha256: hash,
        /** Over the chain so far, the name and `sha256`. */
        chain: hash,
      }),
    )
    .max(1000),
  /** Chain over the lines of the event log: after each 64, and after the last. */
  eventChain: z.array(hash),
});
export type CapsuleManifest = z.infer<typeof CapsuleManifest>;

/**
 * @param runId Names the run in the capsule.
 * @param extra Parts that the storage lacks, or that take the place of its own; see run-files.ts.
 * @throws {InputError} If the storage holds no run that has started.
 */
export async function writeCapsule(
  storage: RunStorage,
  runId: string,
  extra: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map(),
): Promise<Uint8Array<ArrayBuffer>> {
  const { events, experiment, lines } = await readHistory(storage);
  const started = events.findLast((e) => e.type === 'run.started');
  if (!started) throw new InputError('Cannot write a capsule: the run has not started yet');
  const parts = new Map<string, Uint8Array<ArrayBuffer>>();
  parts.set(EVENTS, bytesOf(lines.map((line) => `${line}\n`).join('')));
  for (const key of await storage.blobs.list('')) parts.set(key, (await storage.blobs.read(key))!);
  for (const [key, bytes] of extra) parts.set(key, bytes);
  const weights = await weightsOf(storage, runId, experiment);
  if (weights) parts.set(WEIGHTS, weights);
  const manifest: CapsuleManifest = {
    ...{ format: 'esper-capsule', version: 1, run: runId },
    step: events.reduce((n, e) => Math.max(n, e.step), 0),
    ...{ adapter: started.adapter, shaderDigest: started.shaderDigest },
    configDigest: started.configDigest,
    parts: await chainOf(parts),
    eventChain: await eventChain(lines),
  };
  const manifestBytes = bytesOf(`${JSON.stringify(manifest, null, 2)}\n`);
  const files: Zippable = {};
  // A fixed time: the same run gives the same bytes.
  const mtime = '1980-01-01T00:00:00';
  files[MANIFEST] = [manifestBytes, { mtime }];
  for (const [name, bytes] of parts) {
    // Weights are noise to a compressor.
    files[name] = [bytes, { mtime, level: name.endsWith('.safetensors') ? 0 : 6 }];
  }
  const archive = zipSync(files);
  return sealed(archive, await sha256Hex(manifestBytes));
}

/** The run of a capsule, as a storage to read, replay, branch or copy. */
export interface OpenedCapsule {
  manifest: CapsuleManifest;
  storage: RunStorage;
}

/**
 * Opens a capsule and verifies all of it.
 *
 * @param source Named in messages.
 * @throws {CorruptDataError} Naming the part that is damaged.
 */
export async function openCapsule(
  bytes: Uint8Array<ArrayBuffer>,
  source: string,
): Promise<OpenedCapsule> {
  const damaged = (part: string, why: string) =>
    new CorruptDataError(
      `Cannot open "${source}": ${part} ${why}; get the capsule again from where it came`,
    );
  const seal = sealOf(bytes);
  if (!seal) throw damaged('the seal at its end', 'is missing or damaged, or this is no capsule');
  const files = unpack(bytes, damaged);
  const manifestBytes = files[MANIFEST];
  if (!manifestBytes || (await sha256Hex(manifestBytes)) !== seal.manifest) {
    throw damaged(`part "${MANIFEST}"`, 'does not match the seal');
  }
  let manifest: CapsuleManifest;
  try {
    manifest = CapsuleManifest.parse(JSON.parse(new TextDecoder().decode(manifestBytes)));
  } catch {
    throw damaged(`part "${MANIFEST}"`, 'is of a kind that this program does not know');
  }
  let chain = '';
  for (const part of manifest.parts) {
    const content = files[part.name];
    if (!content) throw damaged(`part "${part.name}"`, 'is missing');
    const digest = await sha256Hex(content);
    if (digest !== part.sha256 || content.byteLength !== part.bytes) {
      const lines = part.name === EVENTS ? await badLines(content, manifest.eventChain) : '';
      throw damaged(`part "${part.name}"${lines}`, 'does not match its hash');
    }
    chain = await linked(chain, part.name, digest);
    if (chain !== part.chain) throw damaged(`part "${part.name}"`, 'is not where it belongs');
  }
  const extra = Object.keys(files).find(
    (name) => name !== MANIFEST && !manifest.parts.some((p) => p.name === name),
  );
  if (extra) throw damaged(`part "${extra}"`, 'is not in the manifest');
  if ((await sha256Hex(bytes.slice(0, seal.covered))) !== seal.archive) {
    throw damaged('the archive around its parts', 'does not match the seal');
  }
  const storage = memoryRunStorage();
  for (const { name } of manifest.parts) {
    if (name === EVENTS) await storage.events.append(linesOf(files[name]!));
    else if (name !== WEIGHTS) await storage.blobs.write(name, files[name]!.slice());
  }
  return { manifest, storage };
}

async function weightsOf(
  storage: RunStorage,
  runId: string,
  experiment: Parameters<typeof storedRun>[1]['experiment'],
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const source = await storedRun(storage, { experiment, folder: runId, replica: 0, runId });
    return stateDictFile(await source.network(), runId);
  } catch (error) {
    // A run without a checkpoint has no weights yet; the rest of it is worth keeping.
    if (error instanceof InputError) return null;
    throw error;
  }
}

async function chainOf(parts: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
  let chain = '';
  const out: CapsuleManifest['parts'] = [];
  for (const [name, bytes] of parts) {
    const digest = await sha256Hex(bytes);
    chain = await linked(chain, name, digest);
    out.push({ name, bytes: bytes.byteLength, sha256: digest, chain });
  }
  return out;
}

function linked(chain: string, name: string, digest: string): Promise<string> {
  return sha256Hex(`${chain}\n${name}\n${digest}`);
}

async function eventChain(lines: readonly string[]): Promise<string[]> {
  const out: string[] = [];
  let chain = '';
  for (let from = 0; from < lines.length; from += STRETCH) {
    chain = await sha256Hex(`${chain}\n${lines.slice(from, from + STRETCH).join('\n')}`);
    out.push(chain);
  }
  return out;
}

/** Which lines of a damaged log are the first that do not match. */
async function badLines(content: Uint8Array, expected: readonly string[]): Promise<string> {
  const now = await eventChain(linesOf(content));
  const at = expected.findIndex((h, i) => now[i] !== h);
  return at < 0 ? '' : `, lines ${at * STRETCH + 1} to ${(at + 1) * STRETCH},`;
}

const SEAL = /^esper-capsule 1 manifest=([0-9a-f]{64}) archive=([0-9a-f]{64})$/;
const SEAL_BYTES = 'esper-capsule 1 manifest= archive='.length + 128;

/** Adds the archive's comment: the last field of a ZIP's end record is its length. */
async function sealed(archive: Uint8Array, manifest: string): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(archive.byteLength + SEAL_BYTES);
  out.set(archive);
  new DataView(out.buffer).setUint16(archive.byteLength - 2, SEAL_BYTES, true);
  const digest = await sha256Hex(out.slice(0, archive.byteLength));
  out.set(bytesOf(`esper-capsule 1 manifest=${manifest} archive=${digest}`), archive.byteLength);
  return out;
}

function sealOf(bytes: Uint8Array) {
  const covered = bytes.byteLength - SEAL_BYTES;
  if (covered < 0) return null;
  const match = SEAL.exec(new TextDecoder('latin1').decode(bytes.subarray(covered)));
  return match ? { covered, manifest: match[1]!, archive: match[2]! } : null;
}

function unpack(
  bytes: Uint8Array,
  damaged: (part: string, why: string) => Error,
): Record<string, Uint8Array<ArrayBuffer>> {
  let total = 0;
  let reading = 'the archive around its parts';
  try {
    return unzipSync(bytes, {
      filter({ name, originalSize }) {
        reading = `part "${name}"`;
        total += originalSize;
        if (total > MAX_BYTES) throw new RangeError('too large');
        return true;
      },
    }) as Record<string, Uint8Array<ArrayBuffer>>;
  } catch (error) {
    const isLarge = error instanceof RangeError && error.message === 'too large';
    throw damaged(reading, isLarge ? 'is larger than a capsule may be' : 'cannot be unpacked');
  }
}

function linesOf(content: Uint8Array): string[] {
  const text = new TextDecoder().decode(content);
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return strToU8(text) as Uint8Array<ArrayBuffer>;
}
