import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** A process that interrupts itself while it shows progress. */
function interrupted(manner: object, before = ""): { signal: unknown; stderr: string } {
  const script = `
    import { nothingWritten, openProgress } from ${JSON.stringify(new URL("progress.ts", import.meta.url).href)};
    const progress = openProgress(${JSON.stringify(manner)}, nothingWritten);
    progress.update("chips", 1, 3);
    ${before}
    setTimeout(() => console.error("still there"), 10_000);
    process.kill(process.pid, "SIGINT");`;
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  return { signal, stderr };
}

describe("an interrupt", () => {
  it("ends the process by its signal, and says that nothing was written", () => {
    expect(interrupted({})).toEqual({ signal: "SIGINT", stderr: "Interrupted; nothing was written.\n" });
  });

  it("says nothing when quiet, and when the work is done", () => {
    expect(interrupted({ quiet: true })).toEqual({ signal: "SIGINT", stderr: "" });
    expect(interrupted({}, "progress.stop();")).toEqual({ signal: "SIGINT", stderr: "" });
  });
});
