import { expect, it, vi } from "vitest";
import * as assessment from "../../assessment/index.ts";
import { runDemo } from "./demo.ts";

vi.mock(import("../../assessment/index.ts"), { spy: true });

it("measures the Jacobian on the threads that are asked for", async () => {
  const assess = vi.mocked(assessment.assess).mockRejectedValueOnce(new Error("enough"));
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  await expect(runDemo({ output: "demo", seed: 3, threads: 1, quiet: true, json: true })).rejects.toThrow(
    "enough",
  );
  write.mockRestore();
  expect(assess.mock.calls[0]![1].jacobian).toMatchObject({ seed: 3, threads: 1 });
});
