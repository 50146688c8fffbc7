/** @file Campaigns with a store, end to end: killed, interrupted, gone on with, exported, replayed. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inRepository, makeWorkplace, shippedImages, type Run } from "./cli-run.ts";

const { path, run, folder, remove } = makeWorkplace();
const lenet = inRepository("zoo/lenet.onnx");
const trials = 600;
const verify = (store: string, ...rest: string[]) => {
  const given = ["--plan", "plan.json", "--data", "labelled.npz", "--trials", String(trials)];
  return ["verify", lenet, ...given, "--threads", "1", "--store", store, "--json", "--quiet", ...rest];
};
const json = (result: Run) => JSON.parse(result.stdout) as Record<string, unknown>;

beforeAll(async () => {
  writeFileSync(path("labelled.npz"), shippedImages(40));
  const memory = ["--p", "0.1", "--samples", "8", "--budget", "0.2", "-o", "plan.json", "--quiet"];
  await run(["plan", lenet, "--data", "labelled.npz", ...memory]);
});
afterAll(remove);

/** Starts a campaign, sends a signal once its store has grown, and waits for the end. */
function disturbed(store: string, signal: NodeJS.Signals) {
  const child = spawn(process.execPath, [inRepository("src/cli/main.ts"), ...verify(store)], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (part) => (stderr += String(part)));
  const log = path(`${store}-wal`);
  // The log of a killed run is there from the beginning: what counts is that this run has written to it.
  const before = existsSync(log) ? statSync(log).mtimeMs : 0;
  const poll = setInterval(() => {
    if (!existsSync(log)) return;
    const { size, mtimeMs } = statSync(log);
    if (size < 100_000 || mtimeMs === before) return;
    clearInterval(poll);
    child.kill(signal);
  }, 5);
  return new Promise<{ code: number | null; by: string | null; stderr: string }>((resolve) => {
    child.on("close", (code, by) => {
      clearInterval(poll);
      resolve({ code, by, stderr });
    });
  });
}

describe("a campaign with a store", () => {
  let whole: Record<string, unknown>;

  it("ends with the same numbers after kill -9 and after Ctrl-C as undisturbed", async () => {
    whole = json(await run(verify("whole.db")));
    const killed = await disturbed("runs.db", "SIGKILL");
    expect(killed.by).toBe("SIGKILL");
    const interrupted = await disturbed("runs.db", "SIGINT");
    expect(interrupted).toMatchObject({ code: 130, by: null });
    expect(interrupted.stderr).toMatch(
      /^Interrupted after \d+ chips, which are kept .* the same command goes on/,
    );
    const again = json(await run(verify("runs.db")));
    expect(again["resumed"]).toBeGreaterThan(0);
    expect(again["resumed"]).toBeLessThan(trials);
    expect({ ...again, resumed: 0 }).toEqual(whole);
  }, 120_000);

  it("refuses another configuration under the same name", async () => {
    const other = await run(verify("whole.db", "--seed", "1"));
    expect(other.status).toBe(2);
    expect(other.stderr).toMatch(/differs in the seed \(0 then, 1 now\).* never mixed/);
  });

  it("is listed, shown and exported alike in each format", async () => {
    expect(json(await run(["campaign", "list", "whole.db", "--json"]))).toMatchObject([
      { name: "verify", chips: trials },
    ]);
    const shown = json(await run(["campaign", "show", "whole.db", "--json"]));
    const { accuracy: estimate, low, high } = whole;
    const mean = { estimate, low, high };
    expect(shown).toMatchObject({ chips: trials, counted: trials, plans: [{ name: "plan.json", mean }] });
    const scores = whole["scores"] as number[];
    const csv = (await run(["campaign", "export", "whole.db"])).stdout.trimEnd().split("\n");
    expect(csv[0]).toMatch(/^chip,plan,score,samples,/);
    expect(csv.slice(1).map((line) => Number(line.split(",")[2]))).toEqual(scores);
    await run(["campaign", "export", "whole.db", "-o", "chips.jsonl"]);
    const lines = readFileSync(path("chips.jsonl"), "utf8").trimEnd().split("\n");
    const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows.map((row) => row["score"])).toEqual(scores);
    await run(["campaign", "export", "whole.db", "-o", "chips.parquet"]);
    const { buffer } = new Uint8Array(readFileSync(path("chips.parquet")));
    expect(await parquetReadObjects({ file: buffer })).toEqual(rows);
  });

  it("shows the interval that verify gave, also on part of the images", async () => {
    const parts = ["--images", "10", "--until", "±0.05", "--name", "parts"];
    const { accuracy: estimate, low, high, chips, ended } = json(await run(verify("parts.db", ...parts)));
    const shown = json(await run(["campaign", "show", "parts.db", "--json"]));
    expect(shown).toMatchObject({ counted: chips, ended, plans: [{ mean: { estimate, low, high } }] });
    const { stdout } = await run(["campaign", "show", "parts.db"]);
    const words = [estimate, low, high].map((value) => (value as number).toPrecision(5));
    expect(stdout).toContain(`${words[0]} (${words[1]} to ${words[2]})`);
  }, 60_000);

  it("replays a chip to the bits that were kept, with the answers that it changed", async () => {
    const replay = json(await run(["campaign", "replay", "whole.db", "3", "--json", "--quiet"]));
    const rows = readFileSync(path("chips.jsonl"), "utf8").split("\n");
    const kept = JSON.parse(rows[3]!) as { score: number; changed: number };
    expect(replay).toMatchObject({ chip: 3, score: kept.score, sameAsKept: true });
    expect(replay["changed"]).toHaveLength(kept.changed);
  });

  it("replays faults of any model that stay for all images, and refuses those that do not", async () => {
    const tried = [
      "--trials",
      "2",
      "--name",
      "runs",
      "--faults",
      "burst:length=8",
      "--faults",
      "layout:order=bit-planes",
    ];
    await run(verify("models.db", ...tried));
    const replay = json(
      await run([
        "campaign",
        "replay",
        "models.db",
        "1",
        "--name",
        "runs",
        "--no-causes",
        "--json",
        "--quiet",
      ]),
    );
    const exported = await run(["campaign", "export", "models.db", "--name", "runs", "--format", "jsonl"]);
    const kept = JSON.parse(exported.stdout.split("\n")[1]!) as { score: number; changed: number };
    expect(replay).toMatchObject({ chip: 1, score: kept.score, sameAsKept: true });
    expect(replay["changed"]).toHaveLength(kept.changed);
    await run(verify("models.db", "--trials", "2", "--name", "reads", "--regime", "redrawn", "--reads", "2"));
    const refused = await run(["campaign", "replay", "models.db", "0", "--name", "reads"]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/other.* at each read/);
  });

  it("refuses to mix chips of other faults", async () => {
    const refused = await run(verify("whole.db", "--faults", "burst:length=8"));
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('the setting "faults"');
  });

  it("refuses a store that is not there, a campaign that is not, and Parquet without a file", async () => {
    const refusals = [
      [["campaign", "list", "none.db"], /does not exist/],
      [["campaign", "show", "whole.db", "--name", "x"], /no campaign "x"; it has verify/],
      [["campaign", "export", "whole.db", "--format", "parquet"], /give a file with -o/],
    ] as const;
    for (const [args, message] of refusals) {
      const refused = await run(args);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toMatch(message);
    }
  });
});
