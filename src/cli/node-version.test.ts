import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { nodeProblem } from "./node-version.ts";

describe("the version of Node", () => {
  it("is refused below that of package.json", () => {
    expect(manifest.engines.node).toBe(">=22.12");
    expect(nodeProblem("20.20.2")).toBe(
      "Node 22.12 or later is needed, and this is 20.20.2; install a newer one from https://nodejs.org.",
    );
    expect(nodeProblem("22.11.0")).toMatch(/22\.12 or later is needed, and this is 22\.11\.0;/);
    expect(nodeProblem("9.9.9")).toBeDefined();
  });

  it.each(["22.12.0", "22.20.1", "24.0.0", "26.1.0-nightly", "100.0.0"])("is taken at %s", (version) => {
    expect(nodeProblem(version)).toBeUndefined();
  });
});
