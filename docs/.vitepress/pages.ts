/** @file Pages of the site that live elsewhere in the repository, and where links of all pages lead on the site. */
import { readdirSync } from "node:fs";
import { join, posix } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** Copies: the page of the site, from `docs/`, and the file of the repository. */
export const copiedPages: ReadonlyMap<string, string> = new Map([
  ["project/architecture.md", "ARCHITECTURE.md"],
  ["project/changes.md", "CHANGELOG.md"],
  ["project/contributing.md", "CONTRIBUTING.md"],
  ["zoo/index.md", "zoo/README.md"],
  ...readdirSync(join(root, "zoo"))
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .map((name) => [`zoo/${name}`, `zoo/${name}`] as const),
]);

const pageOf = new Map([...copiedPages].map(([page, file]) => [file, page]));
pageOf.set("README.md", "index.md");

/** Rooms with a page in the reference, in the order in which the site lists them. */
export const rooms: readonly string[] = [
  "physics",
  "channel",
  "faults",
  "ecc",
  "protect",
  "measure",
  "stats",
  "stored",
  "onnx",
  "data",
  "bytes",
  "gradient",
  "engine",
  "assessment",
  "simulation",
  "planning",
  "campaign",
  "image",
  "report",
];

/** The page of the reference, from `docs/`, that has what a file of the sources holds; undefined where none has it. */
function referenceOf(file: string): string | undefined {
  if (file === "src/report/browser.ts") return "api/report/browser.md";
  if (file === "src/index.ts" || file === "src/errors.ts") return "api/index.md";
  const [, room] = /^src\/([a-z]+)\/.+\.ts$/.exec(file) ?? [];
  return room !== undefined && rooms.includes(room) ? `api/${room}.md` : undefined;
}

/**
 * Where a link of a page leads on the site: a path from its root; undefined where the repository has it and the site
 * has not.
 *
 * @param page path of the page with the link, from `docs/`
 */
export function siteLink(page: string, target: string): string | undefined {
  if (/^([a-z]+:|#|\/)/i.test(target)) return target;
  const [path = "", anchor] = target.split("#");
  const from = copiedPages.get(page) ?? posix.join("docs", page);
  const file = posix.normalize(posix.join(posix.dirname(from), decodeURI(path))).replace(/\/$/, "/README.md");
  const own =
    pageOf.get(file) ??
    referenceOf(file) ??
    (file.startsWith("docs/") ? file.slice("docs/".length) : undefined);
  if (own === undefined) return undefined;
  return `/${own}${anchor === undefined ? "" : `#${anchor}`}`;
}

/** The anchor of a heading, as GitHub makes it, so that links hold there and here. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}
