import { describe, expect, it } from "vitest";
import { coloursOf, hasColours } from "./colour.ts";

const terminal = { isTTY: true, hasColors: () => true };
const file = {};

describe("whether a stream has colours", () => {
  it.each([
    ["a terminal", terminal, {}, true],
    ["a terminal of one colour", { isTTY: true, hasColors: () => false }, {}, false],
    ["a dumb terminal", terminal, { TERM: "dumb" }, false],
    ["a file", file, {}, false],
    ["a terminal under NO_COLOR", terminal, { NO_COLOR: "1" }, false],
    ["a terminal under an empty NO_COLOR, which says nothing", terminal, { NO_COLOR: "" }, true],
    ["a file under FORCE_COLOR", file, { FORCE_COLOR: "1" }, true],
    ["a terminal under FORCE_COLOR=0", terminal, { FORCE_COLOR: "0" }, false],
    ["a file under both: NO_COLOR is heard", file, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ])("%s", (_name, screen, env, expected) => {
    expect(hasColours(screen, env)).toBe(expected);
  });

  it("leaves text as it is where there are none", () => {
    expect(coloursOf(file).bad("qtaml:")).toBe("qtaml:");
  });
});
