/**
 * @file What travels beside a queue: content by its hash (models, data, clean outputs, protections), and notices that
 * expire (campaigns that are open, workers that are there).
 */
import { createHash } from "node:crypto";
import { QtamlError } from "../../errors.ts";

/** What notices are about. */
export type NoticeKind = "campaign" | "worker";

/** A place that all machines of a campaign reach. Times are those of the server. */
export interface Depot {
  hasBlob(hash: string): Promise<boolean>;
  /** Stores content in chunks; complete once `hasBlob` says so. */
  putBlob(hash: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Content, checked against its hash; undefined where there is none. @throws QtamlError `invalid-file` when it differs */
  getBlob(hash: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Lets content expire in so many seconds. */
  expireBlob(hash: string, seconds: number): Promise<void>;
  /** Tells everyone something for so many milliseconds. */
  post(kind: NoticeKind, id: string, text: string, milliseconds: number): Promise<void>;
  /** Takes a notice back. */
  withdraw(kind: NoticeKind, id: string): Promise<void>;
  /** Texts of the notices that stand, by id. */
  notices(kind: NoticeKind): Promise<Map<string, string>>;
  /** Ids of notices that were never withdrawn and were last posted more than so many seconds ago. */
  abandoned(kind: NoticeKind, seconds: number): Promise<string[]>;
  close(): Promise<void>;
}

/** Bytes of a chunk: far below the 512 MB that Redis takes, and small enough that a server answers others between. */
export const chunkBytes = 8 * 2 ** 20;

/** How long content stays that nobody takes back, in seconds. */
export const blobSeconds = 24 * 3600;

/** The same bytes in chunks of one size but the last. */
export function* chunksOf(parts: readonly Uint8Array[]): Generator<Buffer> {
  let pending: Uint8Array[] = [];
  let size = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const piece = part.subarray(at, Math.min(part.length, at + chunkBytes - size));
      pending.push(piece);
      size += piece.length;
      at += piece.length;
      if (size === chunkBytes) {
        yield Buffer.concat(pending);
        [pending, size] = [[], 0];
      }
    }
  }
  if (size > 0) yield Buffer.concat(pending);
}

/**
 * Puts chunks together.
 *
 * @param fetchChunk gives a chunk, or undefined where it is gone
 * @throws QtamlError `invalid-file` when the content does not have this hash
 */
export async function assemble(
  hash: string,
  manifest: { readonly bytes: number; readonly chunks: number },
  fetchChunk: (index: number) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const content = new Uint8Array(manifest.bytes);
  const digest = createHash("sha256");
  let at = 0;
  for (let i = 0; i < manifest.chunks; i++) {
    const chunk = await fetchChunk(i);
    if (chunk === undefined) return undefined;
    if (at + chunk.length > content.length) break;
    content.set(chunk, at);
    digest.update(chunk);
    at += chunk.length;
  }
  if (at === content.length && digest.digest("hex") === hash) return content;
  throw new QtamlError(
    "invalid-file",
    `Content ${hash.slice(0, 12)} arrived with another hash than it was sent under; look for a fault of the network or the server.`,
  );
}
