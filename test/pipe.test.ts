import { execFileSync, spawn } from "node:child_process";
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
