import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CampaignIdentity } from "./identity.ts";
import type { ChipRecord } from "./record.ts";
import { openStore } from "./store.ts";

const digest = "0".repeat(64);
const identity: CampaignIdentity = {
  qtaml: "1",
  runtime: "1",
  sampling: 1,
  model: { name: "m.onnx", sha256: digest },
  output: "y",
  storage: digest,
  memory: digest,
  decoders: digest,
  data: { samples: 10, sha256: digest },
  measure: "top-1",
  seed: 0,
  images: 10,
  plans: [{ name: "plan.json", overhead: 0.1, sha256: digest }],
  settings: {},
};

const record = (trial: number): ChipRecord => ({
  outcome: { trial, isHit: [true], tallies: [{ samples: 10, nonFinite: 0, sums: [[trial / 7], [10]] }] },
  scores: [trial % 5 === 4 ? Number.NaN : trial / 7],
});
const records = (count: number) => new Map(Array.from({ length: count }, (_, i) => [i, record(i)]));

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qtaml-store-"));
  path = join(folder, "runs.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A store with so many chips, closed in order. */
function written(count: number): void {
  const store = openStore(path);
  const recorder = store.open("a", identity, null);
  for (let i = 0; i < count; i++) recorder.keep(record(i));
  expect(recorder.finish()).toBe(0);
  store.close();
}

describe("a store of campaigns", () => {
  it("gives chips back bit for bit, NaN among them", () => {
    written(6);
    const store = openStore(path);
    expect(store.notices).toEqual([]);
    expect(store.open("a", identity, null).known).toEqual(records(6));
    expect(store.list()).toMatchObject([{ name: "a", chips: 6, identity }]);
    store.close();
  });

  it("keeps each chip at once: a file copied while it is open has them all", () => {
    const store = openStore(path);
    const recorder = store.open("a", identity, null);
    for (let i = 0; i < 20; i++) recorder.keep(record(i));
    const copy = join(folder, "copy.db");
    writeFileSync(copy, readFileSync(path));
    writeFileSync(`${copy}-wal`, readFileSync(`${path}-wal`));
    store.close();
    const copied = openStore(copy);
    expect(copied.chips("a")).toEqual(records(20));
    copied.close();
  });

  it("gives back a beginning of the chips where its log was cut off in the middle of a write", () => {
    const store = openStore(path);
    const recorder = store.open("a", identity, null);
    for (let i = 0; i < 20; i++) recorder.keep(record(i));
    const [main, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
    store.close();
    const sizes = [0.99, 0.8, 0.6].map((share) => {
      const copy = join(folder, `cut-${share}.db`);
      writeFileSync(copy, main);
      writeFileSync(`${copy}-wal`, log.subarray(0, Math.floor(share * log.length)));
      const cut = openStore(copy);
      const known = cut.open("a", identity, null).known;
      cut.close();
      expect(known).toEqual(records(known.size));
      return known.size;
    });
    expect(sizes[0]).toBe(19);
    expect(sizes[2]).toBeLessThan(sizes[1]!);
  });

  it("saves what is whole of a file that was cut off, says so, and takes the others again", () => {
    written(400);
    truncateSync(path, Math.floor(statSync(path).size * 0.7));
    const store = openStore(path);
    expect(store.notices.join()).toMatch(/damaged: \d+ finished chips were saved .* runs\.db\.damaged/);
    const recorder = store.open("a", identity, null);
    for (const [chip, found] of recorder.known) expect(found).toEqual(record(chip));
    expect(recorder.known.size).toBeLessThan(400);
    for (let i = 0; i < 400; i++) if (!recorder.known.has(i)) recorder.keep(record(i));
    expect(recorder.finish()).toBe(0);
    expect(store.chips("a")).toEqual(records(400));
    store.close();
  });

  it("is looked at where nothing may be written beside it, and left as it is", () => {
    written(7);
    // SQLite cannot make its own files either where their names are taken.
    mkdirSync(`${path}-wal`);
    const before = readFileSync(path);
    expect(() => openStore(path)).toThrow(/runs\.db cannot be opened; check the path and its permissions/);
    const temporary = () => readdirSync(tmpdir()).filter((name) => name.startsWith("qtaml-store-")).length;
    const count = temporary();
    const store = openStore(path, { create: false, isOnlyRead: true });
    expect(store.list()).toMatchObject([{ name: "a", chips: 7, identity }]);
    expect(store.chips("a")).toEqual(records(7));
    store.close();
    expect(temporary()).toBeLessThanOrEqual(count);
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(folder).toSorted()).toEqual(["runs.db", "runs.db-wal"]);
    truncateSync(path, Math.floor(before.length * 0.7));
    const damaged = openStore(path, { isOnlyRead: true });
    expect(damaged.notices).toEqual(["Store runs.db is damaged: what is whole of it is shown."]);
    damaged.close();
    expect(readdirSync(folder).toSorted()).toEqual(["runs.db", "runs.db-wal"]);
  });

  it("waits in memory while the disk is full, and says so once", () => {
    written(1);
    const notices: string[] = [];
    const limitBytes = statSync(path).size;
    const store = openStore(path, { limitBytes, onNotice: (text) => notices.push(text) });
    const recorder = store.open("a", identity, null);
    for (let i = 1; i < 200; i++) recorder.keep(record(i));
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/the disk is full.* wait in memory/);
    const lost = recorder.finish();
    expect(lost).toBeGreaterThan(0);
    store.close();
    const again = openStore(path);
    expect(again.chips("a")).toEqual(records(200 - lost));
    again.close();
  });

  it("refuses chips of another configuration, and says what differs", () => {
    written(2);
    const store = openStore(path);
    const other = { ...identity, seed: 1, settings: { regime: "redrawn" } };
    expect(() => store.open("a", other, null)).toThrow(
      /differs in the seed \(0 then, 1 now\); the setting "regime"/,
    );
    const renamed = { ...identity, model: { ...identity.model, name: "other-name.onnx" } };
    expect(store.open("a", renamed, null).known.size).toBe(2);
    expect(store.open("b", other, null).known.size).toBe(0);
    store.close();
  });

  it("leaves files of others alone", () => {
    writeFileSync(path, "a diary");
    expect(() => openStore(path)).toThrow(/not a store of qtaml campaigns/);
    expect(readFileSync(path, "utf8")).toBe("a diary");
    expect(() => openStore(join(folder, "none.db"), { create: false })).toThrow(/does not exist/);
    expect(() => openStore(folder)).toThrow(/is a folder/);
  });
});
