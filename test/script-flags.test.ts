/** @file What scripts of this repository say to flags that they do not know, and of themselves. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inRepository } from "./cli-run.ts";

const run = (...args: string[]) =>
  spawnSync(process.execPath, [inRepository("scripts/setup.mjs"), ...args], { encoding: "utf8" });

const { scripts } = JSON.parse(readFileSync(inRepository("package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const own = Object.entries(scripts).flatMap(([name, command]) => {
  const script = /^node scripts\/setup\.mjs (?:--anew )?(\S+\.ts)/.exec(command)?.[1];
  return script === undefined ? [] : [{ name, script }];
});

describe("scripts", () => {
  it.each([
    ["--wrong", /^Unknown option '--wrong'; --help says what this script takes\.\n$/],
    ["here", /^Unexpected argument 'here'.*; --help says what this script takes\.\n$/],
    ["--only", /^Option '--only <value>' argument missing; --help says what this script takes\.\n$/],
  ])("answer %s with a sentence", (flag, sentence) => {
    const { status, stderr, stdout } = run("regenerate/main.ts", flag);
    expect(stderr).toMatch(sentence);
    expect([status, stdout]).toEqual([2, ""]);
  });

  it.each([
    [["--only", "no-such-step"], /^There is no step no-such-step; /],
    [["--check", "--only", "no-such-step"], /^There is no step no-such-step; /],
    [["--check", "--only", "docs:commands", "--only", "no-such-step"], /^There is no step no-such-step; /],
    [["--check", "--only", "zoo"], /nothing was checked/],
    [["--from", "no-such-step"], /^There is no step no-such-step; /],
  ])("regenerate refuses %j, which would do nothing", (flags, sentence) => {
    const { status, stderr, stdout } = run("regenerate/main.ts", ...flags);
    expect(stderr + stdout).toMatch(sentence);
    expect(status).toBe(2);
  });

  it.each(own)("$name says what it is", ({ script }) => {
    const { status, stderr, stdout } = run(script, "--help");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^\S[^]{20,}\S\n$/);
    expect(stdout).not.toMatch(/@file|\*\/|^ \*/m);
  });
});
