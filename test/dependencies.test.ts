/** @file Dependencies: each has a reason, a licence and a use, and docs/dependencies.md says so. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dependencyProblems, withDependencies } from "../scripts/package/dependencies.ts";
import { root } from "../scripts/package/entries.ts";
import { asked, reasons } from "../scripts/package/reasons.ts";
import { documentText } from "./documents.ts";

describe("dependencies", () => {
  it("have a reason, and everything that they bring a licence that was looked at", () => {
    expect(dependencyProblems()).toEqual([]);
  });

  it("are on their page as they are today: npm run docs:dependencies", () => {
    const page = documentText("docs/dependencies.md");
    expect(withDependencies(page)).toBe(page);
  });

  it("had a release in the two years before the registry was asked", () => {
    const since = new Date(asked);
    since.setUTCFullYear(since.getUTCFullYear() - 2);
    const old = Object.entries(reasons).filter(([, { released }]) => new Date(released) < since);
    expect(old).toEqual([]);
  });

  it("are used, and so is every file and every export", { timeout: 120_000 }, () => {
    const knip = join(root, "node_modules", "knip", "bin", "knip.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [knip, "--no-progress"], {
      cwd: root,
      encoding: "utf8",
    });
    expect(`${stdout}${stderr}`.trim()).toBe("");
    expect(status).toBe(0);
  });
});
