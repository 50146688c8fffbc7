/** @file Content that a worker has fetched, on its disk: named by hash, checked when read, bounded in size. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { QtamlError } from "../../errors.ts";
import { hashOf } from "./wire.ts";

/** A folder of content. */
export interface ContentCache {
  /** Content from the cache, or else from where it comes, checked against its hash. */
  load(
    hash: string,
    fetchContent: () => Promise<Uint8Array<ArrayBuffer> | undefined>,
  ): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Path of a file with this name and content. */
  place(hash: string, file: string, content: Uint8Array): Promise<string>;
}

/** The folder where none is given. */
export const usualCacheFolder = () =>
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "qtaml");

/** Reads a file of any size: the one call for it stops at 2 GiB. */
async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let file;
  try {
    file = await open(path);
  } catch {
    return undefined;
  }
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, 2 ** 28), at);
      if (bytesRead === 0) return undefined;
      at += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes a file that is either whole or not there. */
async function writeAtomically(path: string, content: Uint8Array): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(part, content);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

/** Opens the cache. @param maxBytes bytes to keep; what was not used for longest goes first. @throws QtamlError `file-access` */
export async function openCache(folder: string, maxBytes: number): Promise<ContentCache> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new QtamlError("file-access", `Folder ${folder} cannot be made; give another one with --cache.`, {
      cause,
    });
  }
  const pathOf = (hash: string) => join(folder, `${hash}.blob`);
  const makeRoom = async (kept: string) => {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".blob") && name !== `${kept}.blob`);
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
        return { path, size, mtimeMs };
      }),
    );
    let total = (await stat(pathOf(kept))).size + found.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of found.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= maxBytes) break;
      await rm(path, { force: true });
      total -= size;
    }
  };
  return {
    async load(hash, fetchContent) {
      const path = pathOf(hash);
      const known = await readWhole(path);
      if (known !== undefined && hashOf([known]) === hash) {
        await utimes(path, new Date(), new Date()).catch(() => undefined);
        return known;
      }
      const content = await fetchContent();
      if (content === undefined) return undefined;
      // A full disk costs the next fetch, not the campaign.
      await writeAtomically(path, content)
        .then(() => makeRoom(hash))
        .catch(() => undefined);
      return content;
    },
    async place(hash, file, content) {
      const home = join(folder, hash);
      await mkdir(home, { recursive: true });
      await writeAtomically(join(home, file), content);
      return join(home, file);
    },
  };
}
