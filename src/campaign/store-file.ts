/**
 * @file The file of a store of campaigns, an SQLite database: its tables, how it is opened, and what is saved of a damaged
 * one. Every chip is sealed, so that a damaged file gives back what is whole and nothing else.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type Sqlite from "better-sqlite3";
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import { sealOf } from "./record.ts";
import type { StoreFileOptions } from "./store-options.ts";

/** "qtml": marks the file as a store of campaigns. */
const applicationId = 0x71746d6c;
const schemaVersion = 1;

const schema = `
  CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    identity TEXT NOT NULL,
    request TEXT NOT NULL,
    begun TEXT NOT NULL
  );
  CREATE TABLE chips (
    campaign INTEGER NOT NULL REFERENCES campaigns (id),
    chip INTEGER NOT NULL,
    record TEXT NOT NULL,
    seal TEXT NOT NULL,
    PRIMARY KEY (campaign, chip)
  ) WITHOUT ROWID;
  CREATE TABLE events (
    campaign INTEGER REFERENCES campaigns (id),
    at TEXT NOT NULL,
    text TEXT NOT NULL
  );
`;

/** A row of a campaign. */
export const campaignRow = z.object({
  id: z.number(),
  name: z.string(),
  fingerprint: z.string(),
  identity: z.string(),
  request: z.string(),
  begun: z.string(),
});
/** A row of a finished chip. */
export const chipRow = z.object({ chip: z.number(), record: z.string(), seal: z.string() });
/** A row of something that happened. */
export const eventRow = z.object({ campaign: z.number().nullable(), at: z.string(), text: z.string() });

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";

const isDamage = (cause: unknown) => /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(cause));

/** What is said of a file that cannot be used. */
export function storeProblem(path: string, cause: unknown): QtamlError {
  const reasons: Readonly<Record<string, string>> = {
    SQLITE_CANTOPEN: "cannot be opened; check the path and its permissions",
    EACCES: "may not be read or made; check its permissions and those of its folder",
    ENOTDIR: "lies below something that is not a folder; check the path",
    EEXIST: "lies below something that is not a folder; check the path",
    EROFS: "is on a read-only disk; choose another place",
    SQLITE_READONLY: "may not be written; check its permissions",
    SQLITE_FULL: "does not fit: the disk is full",
    SQLITE_BUSY: "is in use by another program; try again when that is done",
  };
  const reason =
    Object.entries(reasons).find(([code]) => codeOf(cause).startsWith(code))?.[1] ??
    `cannot be used (${codeOf(cause) || String(cause)})`;
  return new QtamlError("file-access", `Store ${path} ${reason}.`, { cause });
}

/** Refuses to touch a file that qtaml did not make. */
function checkHeader(path: string): void {
  const head = new Uint8Array(72);
  const file = openSync(path, "r");
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  const isSqlite = new TextDecoder().decode(head.subarray(0, 15)) === "SQLite format 3";
  const id = new DataView(head.buffer).getUint32(68);
  if (length === 0 || (isSqlite && (length < 72 || id === applicationId))) return;
  throw new QtamlError("invalid-file", `${path} is not a store of qtaml campaigns; give another --store.`);
}

/** A connection to a file. SQLite is native code that most commands do without, so it is loaded when one is opened. */
function openFile(path: string): Sqlite.Database {
  const Database = createRequire(import.meta.url)("better-sqlite3") as typeof Sqlite;
  return new Database(path, { timeout: 5_000 });
}

/** Opens the database and makes its tables. */
function openDatabase(path: string, { limitBytes }: StoreFileOptions): Sqlite.Database {
  const database = openFile(path);
  try {
    if (database.pragma("application_id", { simple: true }) !== applicationId) {
      database.transaction(() => {
        database.exec(schema);
        database.pragma(`application_id = ${applicationId}`);
        database.pragma(`user_version = ${schemaVersion}`);
      })();
    }
    const version = database.pragma("user_version", { simple: true });
    if (version !== schemaVersion) {
      throw new QtamlError(
        "invalid-file",
        `Store ${path} is of version ${String(version)}, and this qtaml reads version ${schemaVersion}; use the qtaml that made it, or another --store.`,
      );
    }
    // A killed process loses nothing under WAL; a power cut may lose the last chips, which are then drawn again.
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = NORMAL");
    if (limitBytes !== undefined) {
      const size = Number(database.pragma("page_size", { simple: true }));
      database.pragma(`max_page_count = ${Math.max(1, Math.floor(limitBytes / size))}`);
    }
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** Everything of a damaged file that can still be read. */
function salvage(path: string) {
  const found = {
    campaigns: [] as z.infer<typeof campaignRow>[],
    chips: [] as (z.infer<typeof chipRow> & { campaign: number })[],
    events: [] as z.infer<typeof eventRow>[],
  };
  const read = (sql: string, take: (row: unknown) => void, database: Sqlite.Database) => {
    try {
      for (const row of database.prepare(sql).iterate()) take(row);
    } catch {
      // What lies behind the damage is lost.
    }
  };
  let database: Sqlite.Database | undefined;
  try {
    database = openFile(path);
    read("SELECT * FROM campaigns", (row) => found.campaigns.push(campaignRow.parse(row)), database);
    for (const order of ["ASC", "DESC"]) {
      for (const { id } of found.campaigns) {
        const sql = `SELECT * FROM chips WHERE campaign = ${id} ORDER BY chip ${order}`;
        read(sql, (row) => found.chips.push({ ...chipRow.parse(row), campaign: id }), database);
      }
    }
    read("SELECT * FROM events", (row) => found.events.push(eventRow.parse(row)), database);
  } catch {
    // Not even the header can be read.
  } finally {
    database?.close();
  }
  return found;
}

/** Puts a damaged file aside and makes a new one of what is whole. */
function rebuild(path: string, options: StoreFileOptions): { database: Sqlite.Database; notice: string } {
  const found = salvage(path);
  let aside = `${path}.damaged`;
  for (let n = 2; existsSync(aside); n++) aside = `${path}.damaged-${n}`;
  renameSync(path, aside);
  for (const suffix of ["-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  const database = openDatabase(path, options);
  const prints = new Map(found.campaigns.map((c) => [c.id, c.fingerprint]));
  let saved = 0;
  database.transaction(() => {
    const campaign = database.prepare(
      "INSERT OR IGNORE INTO campaigns VALUES (@id, @name, @fingerprint, @identity, @request, @begun)",
    );
    for (const row of found.campaigns) campaign.run(row);
    const chip = database.prepare("INSERT OR IGNORE INTO chips VALUES (@campaign, @chip, @record, @seal)");
    for (const row of found.chips) {
      if (row.seal !== sealOf(prints.get(row.campaign)!, row.chip, row.record)) continue;
      saved += chip.run(row).changes;
    }
    const event = database.prepare("INSERT INTO events VALUES (@campaign, @at, @text)");
    for (const row of found.events) event.run(row);
  })();
  return {
    database,
    notice: `Store ${basename(path)} was damaged: ${saved} finished chips were saved and the others will be drawn again; the damaged file is kept as ${basename(aside)}.`,
  };
}

/** Opens the database, mended where it is damaged. */
function openWhole(path: string, options: StoreFileOptions) {
  const isThere = existsSync(path);
  if (!isThere && options.create === false) {
    throw new QtamlError("file-access", `Store ${path} does not exist; check the path.`);
  }
  if (isThere && statSync(path).isDirectory()) {
    throw new QtamlError("file-access", `Store ${path} is a folder; give a file.`);
  }
  if (isThere) checkHeader(path);
  else mkdirSync(dirname(path), { recursive: true });
  let database: Sqlite.Database | undefined;
  try {
    database = openDatabase(path, options);
    if (database.pragma("quick_check(1)", { simple: true }) === "ok") return { database, notice: undefined };
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
  }
  database?.close();
  return rebuild(path, options);
}

/** An open store. */
export interface OpenedStoreFile {
  readonly database: Sqlite.Database;
  /** What was amiss with the file and what was done about it. */
  readonly notice: string | undefined;
  /** Removes the copy that was looked at, if any; after the database is closed. */
  readonly close: () => void;
}

/** Opens the database of a store; of one that may only be read, a copy that is removed in the end. */
function openReadable(path: string, options: StoreFileOptions): OpenedStoreFile {
  try {
    return { ...openWhole(path, options), close: () => undefined };
  } catch (cause) {
    if (
      options.isOnlyRead !== true ||
      !/^(SQLITE_(CANTOPEN|READONLY)|E(ACCES|PERM|ROFS)$)/.test(codeOf(cause))
    )
      throw cause;
  }
  const folder = mkdtempSync(join(tmpdir(), "qtaml-store-"));
  const close = () => rmSync(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, basename(path));
    for (const suffix of ["", "-wal"]) {
      if (statSync(path + suffix, { throwIfNoEntry: false })?.isFile() !== true) continue;
      copyFileSync(path + suffix, copy + suffix);
      chmodSync(copy + suffix, 0o600);
    }
    const { database, notice } = openWhole(copy, options);
    const told =
      notice === undefined ? undefined : `Store ${basename(path)} is damaged: what is whole of it is shown.`;
    return { database, notice: told, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/**
 * Opens the file of a store, and makes it where there is none; a damaged one is put aside and made again of what is whole.
 *
 * @throws QtamlError `file-access` when the file cannot be read or written, `invalid-file` when it is something else
 */
export function openStoreFile(path: string, options: StoreFileOptions): OpenedStoreFile {
  try {
    return openReadable(path, options);
  } catch (cause) {
    throw cause instanceof QtamlError ? cause : storeProblem(path, cause);
  }
}
