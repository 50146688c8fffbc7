import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { inRepository } from "./cli-run.ts";

it("ends quietly when the reader of its output has seen enough", async () => {
  const child = spawn(
    process.execPath,
    [inRepository("src/cli/main.ts"), "inspect", inRepository("test/fixtures/lenet.onnx"), "--p", "0.1"],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise((resolve) => child.on("close", resolve));
  expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
  expect(status).toBe(0);
});

it("reads a device file once, which may be a pipe", async () => {
  const codes = (device: string) => [
    inRepository("src/cli/main.ts"),
    ...["codes", inRepository("zoo/lenet.onnx"), "--parity", "0.1", "--quiet", "--code", "secded(72,64)"],
    ...["--data", inRepository("zoo/fashion-mnist-calibration-256.npz"), "--device", device],
  ];
  const run = async (args: readonly string[], input: string) => {
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.stdin.end(input);
    await new Promise((resolve) => child.on("close", resolve));
    return said;
  };
  const file = inRepository("zoo/thin-oxide.yaml");
  const [piped, named] = await Promise.all([
    run(codes("/dev/stdin"), readFileSync(file, "utf8")),
    run(codes(file), ""),
  ]);
  expect(named).toContain("refresh more often");
  expect(piped).toBe(named);
});
