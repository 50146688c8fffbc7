/**
 * @file Results on disk, so that an interrupted run goes on where it stopped. An entry is used again only if the
 * sources, the files and the settings it was made from are the same.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "../src/cli/files.ts";

const folder = ".cache/reproduce";

/** Rooms whose code decides the numbers. */
const rooms = [
  "physics",
  "channel",
  "faults",
  "stats",
  "protect",
  "ecc",
  "stored",
  "onnx",
  "gradient",
  "engine",
  "measure",
  "data",
  "assessment",
  "simulation",
  "planning",
];

function hashOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path).update(readFileSync(path));
  return hash.digest("hex");
}

const sources = hashOf(
  rooms
    .flatMap((room) => globSync(`src/${room}/**/*.ts`))
    .filter((path) => !path.endsWith(".test.ts"))
    .sort(),
);

/** JSON has no infinities, and a ratio over nothing is one. */
const infinities = new Set(["Infinity", "-Infinity"]);
const keepInfinite = (_: string, value: unknown) =>
  value === Infinity || value === -Infinity ? String(value) : value;
const revive = (_: string, value: unknown) =>
  typeof value === "string" && infinities.has(value) ? Number(value) : value;

/**
 * The stored result of a step, or the result of doing it now.
 *
 * @param name names the entry's file
 * @param files files that the result depends on
 * @param settings anything else it depends on
 */
export async function remembered<T>(
  name: string,
  files: readonly string[],
  settings: unknown,
  work: () => Promise<T>,
): Promise<T> {
  const key = createHash("sha256")
    .update(sources)
    .update(hashOf(files))
    .update(JSON.stringify(settings))
    .digest("hex");
  const path = join(folder, `${name}.json`);
  if (existsSync(path)) {
    const entry = JSON.parse(readFileSync(path, "utf8"), revive) as { key: string; result: T };
    if (entry.key === key) return entry.result;
  }
  const result = await work();
  writeWhole(path, JSON.stringify({ key, result }, keepInfinite));
  return result;
}
