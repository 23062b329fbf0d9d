/**
 * An artifact as one blob, so that storage holds all of it or nothing: a line of JSON with the
 * artifact's id and the lengths of its parts, then manifest, WGSL and weights.
 */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { CorruptDataError } from '../base/errors.ts';
import { ArtifactManifest } from '../contracts/blueprint.ts';
import { type CompiledArtifact, digestFault } from './artifact.ts';

/** Longest first line. */
const MAX_HEAD_BYTES = 512;
const NEWLINE = 10;

interface Head {
  id: string;
  manifest: number;
  wgsl: number;
  weights: number;
}

export function encodeEntry(artifact: CompiledArtifact): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts = [
    encoder.encode(canonicalJson(artifact.manifest)),
    encoder.encode(artifact.wgsl),
    artifact.weights,
  ] as const;
  const [manifest, wgsl, weights] = parts;
  const head = encoder.encode(
    headLine({
      id: artifact.id,
      manifest: manifest.length,
      wgsl: wgsl.length,
      weights: weights.length,
    }),
  );
  const out = new Uint8Array(head.length + manifest.length + wgsl.length + weights.length);
  let at = 0;
  for (const part of [head, ...parts]) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Reads and checks a whole entry: no byte of it can differ from what was encoded.
 *
 * @param key The artifact must have it.
 * @throws {CorruptDataError} Naming the key and what is wrong.
 */
export async function decodeEntry(
  bytes: Uint8Array<ArrayBuffer>,
  key: string,
): Promise<CompiledArtifact> {
  const bad = (reason: string): never => {
    throw new CorruptDataError(`Cannot use cached artifact ${key}: ${reason}`);
  };
  const end = bytes.subarray(0, MAX_HEAD_BYTES).indexOf(NEWLINE) + 1;
  if (end === 0) bad('it has no first line');
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const text = (from: number, to: number) => {
    try {
      return decoder.decode(bytes.subarray(from, to));
    } catch {
      return bad('its text is not UTF-8');
    }
  };
  const line = text(0, end);
  const head = parseHead(line) ?? bad('its first line has another form');
  const wgslAt = end + head.manifest;
  const weightsAt = wgslAt + head.wgsl;
  if (weightsAt + head.weights !== bytes.length) bad('its parts have other lengths');
  const manifestText = text(end, wgslAt);
  if ((await sha256Hex(manifestText)) !== head.id) bad('the manifest does not match its id');
  const manifest = ArtifactManifest.safeParse(parseJson(manifestText));
  if (!manifest.success) return bad('the manifest is of another version');
  const artifact = {
    id: head.id,
    manifest: manifest.data,
    wgsl: text(wgslAt, weightsAt),
    weights: bytes.slice(weightsAt),
  };
  const fault = await digestFault(artifact, key);
  return fault ? bad(fault) : artifact;
}

/** @returns Undefined, which is no manifest, for text that is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function headLine(head: Head): string {
  return `${canonicalJson(head)}\n`;
}

/** @returns Null unless the line is exactly what {@link headLine} writes. */
function parseHead(line: string): Head | null {
  try {
    const { id, manifest, wgsl, weights } = JSON.parse(line) as Head;
    const head = { id, manifest, wgsl, weights };
    const isCounted = [manifest, wgsl, weights].every((n) => Number.isSafeInteger(n) && n >= 0);
    return isCounted && headLine(head) === line ? head : null;
  } catch {
    return null;
  }
}
