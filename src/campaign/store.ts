/**
 * @file The store of campaigns: the identity of each campaign, its finished chips and what happened to it, in one file. A
 * chip is committed as soon as it is finished, so a killed process loses none.
 */
import { z } from "zod";
import { QtamlError } from "../errors.ts";
import { checkIdentity, fingerprint, identitySchema, type CampaignIdentity } from "./identity.ts";
import { decodeRecord, encodeRecord, sealOf, type ChipRecord, type Recorder } from "./record.ts";
import { campaignRow, chipRow, eventRow, openStoreFile, storeProblem } from "./store-file.ts";
import type { StoreOptions } from "./store-options.ts";

/** A campaign as the store knows it. */
export interface StoredCampaign {
  readonly name: string;
  readonly identity: CampaignIdentity;
  /** How it was asked for last, for who goes on with it: settings that do not change a chip. */
  readonly request: unknown;
  /** When it was begun, ISO 8601. */
  readonly begun: string;
  /** Finished chips. */
  readonly chips: number;
}

/** Something that happened to a campaign. */
export interface CampaignEvent {
  readonly at: string;
  readonly text: string;
}

/** Campaigns in a file. */
export interface CampaignStore {
  /** What was amiss with the file and what was done about it. */
  readonly notices: readonly string[];
  list(): StoredCampaign[];
  /** Finished chips of a campaign in their order. @throws QtamlError `invalid-argument` for an unknown name */
  chips(name: string): Map<number, ChipRecord>;
  /** What happened to a campaign, oldest first. */
  events(name: string): CampaignEvent[];
  /**
   * Begins a campaign, or goes on with the one of that name.
   *
   * @throws QtamlError `campaign-mismatch` when that one is another
   */
  open(name: string, identity: CampaignIdentity, request: unknown): Recorder;
  close(): void;
}

/**
 * Opens a store of campaigns, and makes it where there is none. A damaged one is put aside and made again of the chips
 * that are whole; `notices` says so.
 *
 * @throws QtamlError `file-access` when the file cannot be read or written, `invalid-file` when it is something else
 */
export function openStore(path: string, options: StoreOptions = {}): CampaignStore {
  const opened = openStoreFile(path, options);
  const { database, notice } = opened;
  const now = () => new Date((options.now ?? Date.now)()).toISOString();
  const rows = () =>
    z.array(campaignRow).parse(database.prepare("SELECT * FROM campaigns ORDER BY id").all());
  const rowOf = (name: string) => {
    const found = rows();
    const row = found.find((campaign) => campaign.name === name);
    if (row !== undefined) return row;
    const names = found.map((campaign) => campaign.name).join(", ") || "none";
    throw new QtamlError(
      "invalid-argument",
      `Store ${path} has no campaign "${name}"; it has ${names}: give one of them with --name.`,
    );
  };
  const addEvent = (campaign: number, text: string) => {
    try {
      database.prepare("INSERT INTO events VALUES (?, ?, ?)").run(campaign, now(), text);
    } catch {
      // An account of what happened is not worth ending the campaign for.
    }
  };
  const chipsOf = (row: z.infer<typeof campaignRow>) => {
    const known = new Map<number, ChipRecord>();
    let broken = 0;
    const sql = "SELECT chip, record, seal FROM chips WHERE campaign = ? ORDER BY chip";
    for (const raw of database.prepare(sql).iterate(row.id)) {
      const { chip, record, seal } = chipRow.parse(raw);
      if (seal === sealOf(row.fingerprint, chip, record)) known.set(chip, decodeRecord(record));
      else broken++;
    }
    return { known, broken };
  };

  const recorder = (row: z.infer<typeof campaignRow>): Recorder => {
    const { known, broken } = chipsOf(row);
    if (broken > 0) addEvent(row.id, `${broken} chips were damaged and are drawn again`);
    const insert = database.prepare("INSERT OR REPLACE INTO chips VALUES (?, ?, ?, ?)");
    let waiting: (readonly [chip: number, text: string])[] = [];
    let isTold = false;
    const write = database.transaction((records: typeof waiting) => {
      for (const [chip, text] of records) {
        insert.run(row.id, chip, text, sealOf(row.fingerprint, chip, text));
      }
    });
    const flush = () => {
      try {
        write(waiting);
        if (isTold) {
          const text = `Store ${path} can be written again: ${waiting.length} waiting chips are kept now.`;
          options.onNotice?.(text);
          addEvent(row.id, text);
          isTold = false;
        }
        waiting = [];
      } catch (cause) {
        if (cause instanceof TypeError) throw cause;
        if (!isTold) {
          options.onNotice?.(
            `${storeProblem(path, cause).message} The campaign goes on; its chips wait in memory until they can be written.`,
          );
        }
        isTold = true;
      }
    };
    return {
      known,
      keep(record) {
        waiting.push([record.outcome.trial, encodeRecord(record)]);
        flush();
      },
      note: (text) => addEvent(row.id, text),
      finish() {
        if (waiting.length > 0) flush();
        return waiting.length;
      },
    };
  };

  return {
    notices: notice === undefined ? [] : [notice],
    list: () =>
      rows().map((row) => ({
        name: row.name,
        identity: identitySchema.parse(JSON.parse(row.identity)),
        request: JSON.parse(row.request) as unknown,
        begun: row.begun,
        chips: z
          .object({ n: z.number() })
          .parse(database.prepare("SELECT count(*) AS n FROM chips WHERE campaign = ?").get(row.id)).n,
      })),
    chips: (name) => chipsOf(rowOf(name)).known,
    events: (name) =>
      z
        .array(eventRow)
        .parse(
          database
            .prepare("SELECT * FROM events WHERE campaign = ? OR campaign IS NULL ORDER BY rowid")
            .all(rowOf(name).id),
        )
        .map(({ at, text }) => ({ at, text })),
    open(name, identity, request) {
      try {
        const there = rows().find((campaign) => campaign.name === name);
        const asked = JSON.stringify(request ?? null);
        if (there === undefined) {
          database
            .prepare(
              "INSERT INTO campaigns (name, fingerprint, identity, request, begun) VALUES (?, ?, ?, ?, ?)",
            )
            .run(name, fingerprint(identity), JSON.stringify(identity), asked, now());
        } else {
          const then = identitySchema.parse(JSON.parse(there.identity));
          checkIdentity(then, identity, `Campaign "${name}" of store ${path}`);
          database.prepare("UPDATE campaigns SET request = ? WHERE id = ?").run(asked, there.id);
        }
        const row = rowOf(name);
        if (notice !== undefined) addEvent(row.id, notice);
        return recorder(row);
      } catch (cause) {
        throw cause instanceof QtamlError ? cause : storeProblem(path, cause);
      }
    },
    close() {
      database.close();
      opened.close();
    },
  };
}
