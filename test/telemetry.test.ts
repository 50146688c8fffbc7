/** @file Nothing of qtaml or under it sends anything: the ONNX runtime would, from Linux, unless told otherwise. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { inRepository, makeWorkplace } from "./cli-run.ts";

const { path, folder, remove } = makeWorkplace();
afterAll(remove);

it("runs a network without the runtime's identifier of the machine or its queue of reports", () => {
  const home = path("home");
  mkdirSync(home);
  // A runtime that sees that it is under test keeps still by itself.
  const own = new Set([
    "CI",
    "TF_BUILD",
    "GITHUB_ACTIONS",
    "ORT_DISABLE_TELEMETRY",
    "ORT_RUNNING_UNIT_TESTS",
  ]);
  const environment = Object.entries(process.env).filter(([name]) => !own.has(name));
  execFileSync(
    process.execPath,
    [
      inRepository("src/cli/main.ts"),
      ..."plan --quiet --p 0.05 --budget 0.05 --samples 2 --threads 2 --output plan.json --data".split(" "),
      inRepository("zoo/fashion-mnist-calibration-256.npz"),
      inRepository("zoo/lenet.onnx"),
    ],
    { cwd: folder, env: { ...Object.fromEntries(environment), HOME: home, XDG_CACHE_HOME: home } },
  );
  expect(readdirSync(folder).toSorted()).toEqual(["home", "plan.json"]);
  expect(readdirSync(home, { recursive: true })).toEqual([]);
});
