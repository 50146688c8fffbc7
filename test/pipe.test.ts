import { execFileSync, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inRepository, makeWorkplace } from "./cli-run.ts";

const { path, run, remove } = makeWorkplace();
afterAll(remove);

/** Longest time that a command may take, in milliseconds, before it is ended without a status. */
const longest = 50_000;

/** Runs a command one of whose streams has lost its reader before anything was written. */
async function runDeaf(stream: "stdout" | "stderr", args: readonly string[]) {
  const child = spawn(process.execPath, [inRepository("src/cli/main.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: longest,
    killSignal: "SIGKILL",
  });
  child[stream].destroy();
  let heard = "";
  const other = stream === "stdout" ? child.stderr : child.stdout;
  other.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, heard };
}

const lenet = inRepository("zoo/lenet.onnx");
const images = inRepository("zoo/fashion-mnist-test-2000.npz");
/** A question that a memory without protection misses. */
const question = (...rest: readonly string[]) => {
  const chips = ["--data", images, "--limit", "20", "--trials", "2"];
  return [
    "verify",
    lenet,
    "--plan",
    path("bare.json"),
    ...chips,
    "--keep",
    "0.99",
    "--quiet",
    "--json",
    ...rest,
  ];
};

beforeAll(async () => {
  const bare = ["--p", "0.1", "--policy", "uniform-msp", "--budget", "0", "--quiet", "-o", "bare.json"];
  const { status, stderr } = await run(["plan", lenet, ...bare]);
  if (status !== 0) throw new Error(stderr);
});

describe("a command whose reader has gone away", () => {
  it("ends quietly", async () => {
    const { status, heard } = await runDeaf("stdout", ["inspect", lenet, "--p", "0.1"]);
    expect(heard).not.toMatch(/EPIPE|^\s+at /m);
    expect(status).toBe(0);
  });

  it("does its work and writes its files", async () => {
    const measure = path("talking.mjs");
    writeFileSync(measure, `process.stdout.write("Here.\\n");\nexport default () => 1;\n`);
    const keep = ["--keep", "0.9", "--measure", measure, "--trials", "2", "--threads", "1", "--limit", "20"];
    const plan = ["plan", lenet, "--data", images, "--samples", "2", "--p", "0.1", ...keep];
    const { status } = await runDeaf("stdout", [...plan, "--quiet", "-o", path("kept.json")]);
    expect(status).toBe(0);
    expect(existsSync(path("kept.json"))).toBe(true);
  });

  it("says by its status that the target was missed", async () => {
    expect(await runDeaf("stdout", question("--threads", "2"))).toMatchObject({ status: 1 });
  });

  it("gives its result where its warnings are not read", async () => {
    const { status, heard } = await runDeaf("stderr", ["flip", "--p", "0.1"]);
    expect(heard).toContain("0.1");
    expect(status).toBe(0);
  });
});

describe("an error that nothing waits for", () => {
  // Thrown as soon as the command listens for it.
  const when = (statement: string) =>
    `process.on("newListener", (name) => { if (name === "uncaughtException") setImmediate(() => { ${statement} }); });`;

  it.each([
    ["an exception", "throw new Error('late');"],
    ["a rejection", "void Promise.reject(new Error('late'));"],
  ])("is a defect and not a missed target: %s", async (_what, statement) => {
    const preload = `data:text/javascript,${encodeURIComponent(when(statement))}`;
    const { status, stderr } = await run(question("--threads", "1"), ["--import", preload]);
    expect(stderr).toMatch(/^qtaml: this is a defect of qtaml.*\nError: late\n\s+at /m);
    expect(status).toBe(70);
  });

  it.each([
    ["the command's own thread", "isMainThread", "1"],
    ["another thread", "!isMainThread", "2"],
  ])("of a measure of one's own is a sentence: in %s", async (_where, here, threads) => {
    const code = [
      'import { isMainThread } from "node:worker_threads";',
      `if (${here}) setImmediate(() => { throw new Error("late"); });`,
      "export default () => 1;",
    ];
    writeFileSync(path("late.mjs"), code.join("\n"));
    const measure = ["--measure", "./late.mjs", "--threads", threads];
    expect(await run(question(...measure))).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(/^qtaml: late\.mjs threw an error .*\(late\); mend it\.$/m) as string,
    });
  });
});

it("reads a device file once, which may be a pipe", () => {
  const file = inRepository("zoo/thin-oxide.yaml");
  const calibration = inRepository("zoo/fashion-mnist-calibration-256.npz");
  const flags = "--parity 0.5 --quiet --code repetition(3)".split(" ");
  const codesFor = (device: string) =>
    // A shell's pipe: what Node gives its children cannot be opened by a name.
    execFileSync(
      "sh",
      [
        "-c",
        'cat "$0" | "$@"',
        file,
        process.execPath,
        inRepository("src/cli/main.ts"),
        "codes",
        inRepository("zoo/lenet.onnx"),
        "--data",
        calibration,
        "--device",
        device,
        ...flags,
      ],
      { encoding: "utf8" },
    );
  const named = codesFor(file);
  expect(named).toContain("refresh more often");
  expect(codesFor("/dev/stdin")).toBe(named);
});
