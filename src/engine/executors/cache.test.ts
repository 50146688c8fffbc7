import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCache } from "./cache.ts";
import { assemble, chunkBytes, chunksOf } from "./depot.ts";
import { hashOf } from "./wire.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "qtaml-cache-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const content = (byte: number) => new Uint8Array(1000).fill(byte);
const never = () => Promise.reject(new Error("It is in the cache."));

describe("openCache", () => {
  it("fetches content once, and again where the disk has damaged it", async () => {
    const cache = await openCache(folder, 1e6);
    const hash = hashOf([content(1)]);
    expect(await cache.load(hash, async () => content(1))).toEqual(content(1));
    expect(await cache.load(hash, never)).toEqual(content(1));
    expect(await (await openCache(folder, 1e6)).load(hash, never)).toEqual(content(1));
    writeFileSync(join(folder, `${hash}.blob`), content(2));
    expect(await cache.load(hash, async () => content(1))).toEqual(content(1));
    expect(await cache.load(hashOf(["other"]), async () => undefined)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([`${hash}.blob`]);
  });

  it("keeps what was used last, within its size", async () => {
    const cache = await openCache(folder, 2500);
    const hashes = [1, 2, 3].map((byte) => hashOf([content(byte)]));
    await cache.load(hashes[0]!, async () => content(1));
    await cache.load(hashes[1]!, async () => content(2));
    utimesSync(join(folder, `${hashes[0]}.blob`), 1, 1);
    utimesSync(join(folder, `${hashes[1]}.blob`), 2, 2);
    await cache.load(hashes[0]!, never);
    await cache.load(hashes[2]!, async () => content(3));
    expect(readdirSync(folder).sort((a, b) => (a < b ? -1 : 1))).toEqual(
      [`${hashes[0]}.blob`, `${hashes[2]}.blob`].sort((a, b) => (a < b ? -1 : 1)),
    );
  });

  it("places files under their names", async () => {
    const cache = await openCache(folder, 1e6);
    const path = await cache.place("abc", "measure.mjs", content(65));
    expect(readFileSync(path)).toHaveLength(1000);
    expect(path).toBe(join(folder, "abc", "measure.mjs"));
  });

  it("says where the folder cannot be made", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(openCache(join(folder, "file", "cache"), 1)).rejects.toThrow(
      /cannot be made; give another one with --cache/,
    );
  });
});

describe("chunks", () => {
  it("cut content that is larger than one, and put it together again", async () => {
    const parts = [
      new Uint8Array(chunkBytes - 3).fill(1),
      new Uint8Array(7).fill(2),
      new Uint8Array(chunkBytes).fill(3),
    ];
    const chunks = [...chunksOf(parts)];
    expect(chunks.map((c) => c.length)).toEqual([chunkBytes, chunkBytes, 4]);
    const manifest = { bytes: 2 * chunkBytes + 4, chunks: 3 };
    const hash = hashOf(parts);
    const whole = await assemble(hash, manifest, async (i) => chunks[i]);
    expect(hashOf([whole!])).toBe(hash);
    expect(await assemble(hash, manifest, async (i) => (i === 1 ? undefined : chunks[i]))).toBeUndefined();
    await expect(assemble(hash, manifest, async () => chunks[0])).rejects.toThrow(
      /arrived with another hash/,
    );
    await expect(assemble("0", manifest, async (i) => chunks[i])).rejects.toThrow(
      /arrived with another hash/,
    );
  });
});
