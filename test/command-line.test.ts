/** @file The command line as a person meets it: what loads, colours, mistakes and what is said to them, completion. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram } from "../src/cli/program.ts";
import { completionScript } from "../src/cli/completion/index.ts";
import { listForm } from "../src/cli/options.ts";
import { everyCommand } from "../src/cli/usage.ts";
import { inRepository, makeWorkplace } from "./cli-run.ts";

const { folder, path, run, remove } = makeWorkplace();
const main = inRepository("src/cli/main.ts");
afterAll(remove);

/** Modules that are loaded by a command line, as addresses. */
function loadedBy(args: readonly string[], before = ""): string[] {
  writeFileSync(
    path("list-loaded.mjs"),
    `import { registerHooks } from "node:module";
${before}
registerHooks({ load: (url, context, next) => { process.stderr.write(url + "\\n"); return next(url, context); } });`,
  );
  const hook = pathToFileURL(path("list-loaded.mjs")).href;
  const { stderr } = spawnSync(process.execPath, ["--import", hook, main, ...args], { encoding: "utf8" });
  return stderr.trim().split("\n");
}

describe("start", () => {
  it.each([["--help"], ["verify --help"], ["--version"]])(
    "loads nothing for %s but the commands and their parser",
    (line) => {
      const loaded = loadedBy(line.split(" ")).filter((url) => !url.startsWith("node:"));
      expect(loaded.some((url) => url.endsWith("/commander/lib/command.js"))).toBe(true);
      const foreign = loaded.filter((url) => /node_modules\/(?!commander\/|@commander-js\/)/.test(url));
      expect(foreign).toEqual([]);
      const rooms = loaded.filter((url) => /\/src\/(?!cli\/)[^/]+\//.test(url));
      expect(rooms).toEqual([]);
    },
  );

  it("refuses a Node that is too old before anything else is loaded", () => {
    const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });`;
    const lines = loadedBy(["flip", "--p", "0.1"], old).filter((line) => !line.startsWith("node:"));
    expect(lines.map((line) => line.replace(/^file:.*\/src\//, ""))).toEqual([
      "cli/main.ts",
      "cli/node-version.ts",
      "cli/status.ts",
      "qtaml: Node 22.12 or later is needed, and this is 20.20.2; install a newer one from https://nodejs.org.",
    ]);
    expect(
      spawnSync(process.execPath, ["--import", pathToFileURL(path("list-loaded.mjs")).href, main, "flip"])
        .status,
    ).toBe(2);
  });

  it("leaves stores, queues, images, charts, pages and servers to the commands that have them", () => {
    const model = inRepository("zoo/lenet.onnx");
    const loaded = loadedBy(["inspect", model, "--p", "0.1"]).filter((url) => url.includes("/node_modules/"));
    expect(loaded.some((url) => url.includes("/onnx-buf/"))).toBe(true);
    const later =
      /node_modules\/(better-sqlite3|bullmq|ioredis|pg|sharp|jsdom|hono|@hono|hyparquet-writer|csv-parse|@observablehq|d3[^/]*)\//;
    expect(loaded.filter((url) => later.test(url))).toEqual([]);
  });

  it("loads what draws charts when one is drawn", () => {
    const isCharts = (url: string) => url.includes("/node_modules/@observablehq/plot/");
    const price = ["codes", "--p", "1e-4", "--code", "secded(72,64)"];
    expect(loadedBy(price).filter(isCharts)).toEqual([]);
    expect(loadedBy([...price, "--picture", path("codes.svg")]).some(isCharts)).toBe(true);
  });
});

it("prices no code for a memory without flips", () => {
  const { stdout } = spawnSync(process.execPath, [main, "codes", "--p", "0"], { encoding: "utf8" });
  expect(stdout).toMatch(/\nNo bit of this memory flips: there is nothing to correct\.\n$/);
  expect(stdout).not.toMatch(/useless|100 %/);
});

describe("colours", () => {
  const escape = String.fromCharCode(27);
  const coloured = (args: readonly string[], env: Record<string, string>) => {
    const { NO_COLOR: _no, FORCE_COLOR: _force, ...rest } = process.env;
    return spawnSync(process.execPath, [main, ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...rest, ...env },
    });
  };
  const price = ["codes", "--p", "1e-4", "--code", "secded(72,64)"];

  it("are left out of what goes to a pipe", () => {
    for (const args of [price, ["codes", "--help"], ["codes"]]) {
      const { stdout, stderr } = coloured(args, {});
      expect(stdout + stderr).not.toContain(escape);
    }
  });

  it("come with FORCE_COLOR: headings of tables and help, the name before an error", () => {
    const { stdout } = coloured(price, { FORCE_COLOR: "1" });
    expect(stdout).toContain(`${escape}[1mcode`);
    expect(coloured(["codes", "--help"], { FORCE_COLOR: "1" }).stdout).toContain(`${escape}[1mUsage:`);
    expect(coloured(["codes"], { FORCE_COLOR: "1" }).stderr).toContain(`${escape}[31mqtaml:`);
  });

  it("change nothing but colour", () => {
    const plain = coloured(price, { NO_COLOR: "1", FORCE_COLOR: "1" }).stdout;
    const { stdout } = coloured(price, { FORCE_COLOR: "1" });
    expect(stdout).not.toBe(plain);
    expect(stdout.replaceAll(new RegExp(`${escape}\\[\\d+m`, "g"), "")).toBe(plain);
  });
});

describe("mistakes", () => {
  it.each([
    ["a command", ["veriffy"], "Did you mean verify?", "qtaml --help lists the commands."],
    ["a command of campaigns", ["campaign", "lst", "a.db"], "Did you mean list?", "qtaml campaign --help"],
    ["an option", ["flip", "--thicknes", "2"], "Did you mean --thickness?", "qtaml flip --help says more."],
    [
      "a required option",
      ["verify", "m.onnx", "--plann", "x"],
      "Did you mean --plan?",
      "qtaml verify --help",
    ],
    [
      "a required option with =",
      ["harden", "m.onnx", "--plna=x"],
      "Did you mean --plan?",
      "Usage: qtaml harden",
    ],
  ])("a misspelt name gets a suggestion: %s", async (_name, args, suggestion, remedy) => {
    const { status, stdout, stderr } = await run(args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^qtaml: unknown (command|option) /);
    expect(stderr).toContain(suggestion);
    expect(stderr).toContain(remedy);
  });

  it.each([
    ["numbers with spaces", ["compare", "m.onnx", "--budgets", "0.1", "0.2"], "--budgets 0.1,0.2"],
    ["before the model", ["compare", "--budgets", "0", "0.2", "m.onnx"], "--budgets 0,0.2"],
    ["commas and spaces", ["compare", "m.onnx", "--budgets", "0.1,", "0.2,", "0.3"], "--budgets 0.1,0.2,0.3"],
    ["written with =", ["plan", "m.onnx", "--p=0.1", "1e-3", "--budget", "0.1"], "--p 0.1,1e-3"],
    ["where a model may be missing", ["codes", "--p01", "0.1", "0.2"], "--p01 0.1,0.2"],
    ["without arguments", ["flip", "--p10", "0.1", "0.2"], "--p10 0.1,0.2"],
    [
      "a flag for each value",
      ["verify", "m.onnx", "--plan", "a.json", "b.json", "--data", "x.npz"],
      "--plan a.json --plan b.json",
    ],
    [
      "words that a shell changes",
      ["inspect", "m.onnx", "--include", "a*", "b c"],
      "--include 'a*' --include 'b c'",
    ],
  ])("a list is told how it is written: %s", async (_name, args, written) => {
    const { status, stdout, stderr } = await run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    const flag = written.split(" ")[0];
    expect(stderr).toContain(`For several values of ${flag} write ${written}.\n`);
    expect(stderr).toContain(`qtaml ${args[0]} --help says more.`);
  });

  it.each([
    ["a second model", ["inspect", "m.onnx", "n.onnx", "--p", "0.1"]],
    ["a second number for a flag of one", ["flip", "--thickness", "2", "3"]],
    ["a model behind a list", ["compare", "--p", "0.1", "m.onnx", "n.onnx"]],
  ])("what is no list gets no such advice: %s", async (_name, args) => {
    const { status, stderr } = await run(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^qtaml: too many arguments /);
    expect(stderr).not.toContain("For several values");
  });

  it("a file whose name is a number may stand behind a list", async () => {
    writeFileSync(path("2"), "no model");
    const { stderr } = await run(["codes", "--p", "0.1", "2"]);
    // The model comes to be asked for its data.
    expect(stderr).toMatch(/^qtaml: Which code is worth its parity takes the Jacobian: give --data/);
  });

  it("every flag that says it takes several values has such advice", () => {
    const options = everyCommand(buildProgram("0")).flatMap((command) => command.options);
    const said = options.filter(({ description }) =>
      /or a list|by commas|repeatable|several times/.test(description),
    );
    expect(said.length).toBeGreaterThan(20);
    for (const option of said) {
      const form = /repeatable|several times/.test(option.description) ? "repeated" : "commas";
      expect([option.long, listForm(option)]).toEqual([option.long, form]);
    }
  });

  it("what is missing is named, with the usage", async () => {
    expect(await run(["plan"])).toEqual({
      status: 2,
      stdout: "",
      stderr:
        "qtaml: missing required argument 'model'\nUsage: qtaml plan [options] <model>; qtaml plan --help says more.\n",
    });
    const { stderr } = await run(["verify", "m.onnx", "--name", "--odd"]);
    expect(stderr).toMatch(/^qtaml: required option '--plan <file>' not specified\n/);
  });
});

describe("completion", () => {
  const program = buildProgram("0");
  const names = (depth: readonly string[]) => {
    const command = everyCommand(program).find((c) => c.name() === (depth.at(-1) ?? "qtaml"))!;
    return command.commands.map((c) => c.name());
  };

  beforeAll(() => {
    writeFileSync(path("completion.bash"), completionScript(program, "bash"));
    writeFileSync(path("plan one.json"), "");
    writeFileSync(path("model.onnx"), "");
    mkdirSync(path("images"));
  });

  /** What bash offers for a line, the last word being completed; `=` is a word of its own as bash has it. */
  function offered(...words: string[]): string[] {
    const script = `
source completion.bash
COMP_WORDS=(qtaml "$@")
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_qtaml
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const stdout = execFileSync("bash", ["--norc", "-u", "-c", script, "bash", ...words], {
      cwd: folder,
      encoding: "utf8",
    });
    return stdout.split("\n").filter((line) => line !== "");
  }

  it("bash: commands, at the root and under a command", () => {
    expect(offered("")).toEqual(names([]));
    expect(offered("ver")).toEqual(["verify"]);
    expect(offered("campaign", "")).toEqual(names(["campaign"]));
    expect(offered("campaign", "re")).toEqual(["replay"]);
  });

  it("bash: the options of the command, whatever stands before", () => {
    expect(offered("plan", "--bud")).toEqual(["--budget"]);
    expect(offered("plan", "model.onnx", "--policy", "tac", "--bud")).toEqual(["--budget"]);
    expect(offered("campaign", "replay", "--no-")).toEqual(["--no-causes"]);
    expect(offered("flip", "--bud")).toEqual([]);
    const verify = everyCommand(program).find((c) => c.name() === "verify")!;
    const long = verify
      .createHelp()
      .visibleOptions(verify)
      .map((o) => o.long);
    expect(offered("verify", "--")).toEqual(long);
  });

  it("bash: the words an option or an argument takes", () => {
    expect(offered("plan", "--policy", "t")).toEqual(["tac"]);
    expect(offered("plan", "--policy", "=", "t")).toEqual(["tac"]);
    expect(offered("plan", "--policy", "=")).toContain("uniform-msp");
    expect(offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(offered("image", "c")).toEqual(["check"]);
  });

  it("bash: files and folders, and nothing for a number", () => {
    expect(offered("verify", "model.onnx", "--plan", "pl")).toEqual(["plan one.json"]);
    expect(offered("harden", "model.onnx", "-o", "mod")).toEqual(["model.onnx"]);
    expect(offered("inspect", "mod")).toEqual(["model.onnx"]);
    expect(offered("image", "check", "")).toEqual(["images"]);
    expect(offered("plan", "--budget", "")).toEqual([]);
    expect(offered("verify", "--", "mod")).toEqual(["model.onnx"]);
  });

  it("is printed by qtaml completion", async () => {
    const { status, stdout, stderr } = await run(["completion", "bash"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    // The two were built from programs of different versions, which the script does not hold.
    expect(stdout).toBe(completionScript(program, "bash"));
    const unknown = await run(["completion", "tcsh"]);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain("Allowed choices are bash, zsh, fish.");
  });

  const has = (shell: string) => spawnSync(shell, ["--version"]).error === undefined;

  it.skipIf(!has("zsh"))("zsh: reads the script", () => {
    writeFileSync(path("_qtaml"), completionScript(program, "zsh"));
    expect(execFileSync("zsh", ["-f", "-n", path("_qtaml")], { encoding: "utf8" })).toBe("");
  });

  it.skipIf(!has("fish"))("fish: commands, options, words, files", () => {
    writeFileSync(path("qtaml.fish"), completionScript(program, "fish"));
    const lines = (typed: string) =>
      execFileSync("fish", ["--no-config", "-c", `source qtaml.fish; complete -C '${typed}'`], {
        cwd: folder,
        encoding: "utf8",
        // Not the folder itself: fish leaves folders of its own there.
        env: { ...process.env, HOME: path("images") },
      })
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.split("\t", 1)[0]!);
    expect(new Set(lines("qtaml "))).toEqual(new Set(names([])));
    expect(lines("qtaml campaign re")).toEqual(["replay"]);
    expect(lines("qtaml plan --bud")).toEqual(["--budget"]);
    expect(lines("qtaml plan --policy t")).toEqual(["tac"]);
    expect(lines("qtaml verify model.onnx --plan pl")).toEqual(["plan one.json"]);
    expect(lines("qtaml image check im")).toEqual(["images/"]);
  });
});
