import { describe, expect, it } from "vitest";
import { parseNumber } from "./options.ts";
import { buildProgram } from "./program.ts";
import { parseUntil } from "./until.ts";

describe("parseNumber", () => {
  it.each([
    ["10%", '"10%" is not a number: write 10 % as 0.1.'],
    ["0.7 %", '"0.7 %" is not a number: write 0.7 % as 0.007.'],
    ["64ms", '"64ms" is not a number: leave the unit out, --help names it.'],
    ["ten", '"ten" is not a number.'],
    ["", '"" is not a number.'],
  ])("says what to write instead of %s", (text, message) => {
    expect(() => parseNumber(text)).toThrow(message);
  });

  it("reads numbers in powers of ten", () => {
    expect([parseNumber("1e13"), parseNumber(" .5 ")]).toEqual([1e13, 0.5]);
  });
});

describe("--trials", () => {
  const commands = new Map(buildProgram("0").commands.map((command) => [command.name(), command] as const));

  it.each(["plan", "compare", "codes"])("of %s takes no single chip, which has no interval", (name) => {
    const trials = commands.get(name)!.options.find(({ long }) => long === "--trials")!;
    expect(() => trials.parseArg!("1", undefined)).toThrow(/^two chips at least are needed/);
    expect(trials.parseArg!("2", undefined)).toBe(2);
  });
});

describe("parseUntil", () => {
  it("asks what a bare whole number means", () => {
    expect(() => parseUntil("300")).toThrow('write "300 chips" or "±300"');
  });

  it.each([
    ["300 chips", { kind: "chips", chips: 300 }],
    ["±300", { kind: "precision", halfWidth: 300 }],
    ["0.01", { kind: "precision", halfWidth: 0.01 }],
    ["±1%", { kind: "precision", halfWidth: 0.01 }],
    ["planned ±0.01", { kind: "planned", halfWidth: 0.01 }],
    ["settled", { kind: "settled" }],
  ])("reads %s", (text, until) => {
    expect(parseUntil(text)).toEqual(until);
  });
});
