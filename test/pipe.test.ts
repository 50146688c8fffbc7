import { spawn } from "node:child_process";
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
