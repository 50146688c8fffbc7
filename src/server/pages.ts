/**
 * @file The files of the page. They are read once, at the start: a request names an entry of a table and never a path.
 */
import { readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { QtamlError } from "../errors.ts";
import { tokenName } from "../explorer/index.ts";

/** A file as it is sent. */
export interface Page {
  readonly type: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** The name changes with the content, so that browsers may keep it. */
  readonly isLasting: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** Where the built page lies: beside the compiled program, also when it runs from source. */
const places = ["../web", "../../dist/web"].map((path) => fileURLToPath(new URL(path, import.meta.url)));

function readPages(folder: string, into: Map<string, Page>, prefix: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const type = types[extname(entry.name)];
    if (entry.isDirectory() && entry.name === "assets") readPages(path, into, `${prefix}${entry.name}/`);
    else if (entry.isFile() && type !== undefined) {
      into.set(`${prefix}${entry.name}`, {
        type,
        content: new Uint8Array(readFileSync(path)),
        isLasting: prefix !== "/",
      });
    }
  }
}

/**
 * The files of the page by their addresses, with the token in the page itself.
 *
 * @param folder where it was built; where the program has it unless given
 * @throws QtamlError `file-access` where the page was not built
 */
export function openPages(token: string, folder?: string): ReadonlyMap<string, Page> {
  for (const place of folder === undefined ? places : [folder]) {
    const pages = new Map<string, Page>();
    try {
      readPages(place, pages, "/");
    } catch {
      continue;
    }
    const index = pages.get("/index.html");
    if (index === undefined) continue;
    const meta = `<meta name="${tokenName}" content="${token}" />`;
    const text = new TextDecoder().decode(index.content).replace("<head>", `<head>\n    ${meta}`);
    pages.set("/index.html", { ...index, content: new TextEncoder().encode(text) });
    pages.set("/", pages.get("/index.html")!);
    return pages;
  }
  throw new QtamlError(
    "file-access",
    "The explorer's page was not built: run npm run build:web where qtaml is, and start again.",
  );
}
