import { describe, expect, it } from "vitest";
import { failureOf, failureText, parseResult, resultText } from "./messages.ts";

const outcomes = [4, 5].map((trial) => ({ trial, tallies: [], isHit: [] }));

describe("results of shards", () => {
  it("come back as they were", () => {
    expect(parseResult(resultText({ outcomes, seconds: 0.5 }), [4, 5])).toEqual({ outcomes, seconds: 0.5 });
  });

  it.each([
    ["of other trials", resultText({ outcomes, seconds: 1 }), [4, 6]],
    ["of fewer trials", resultText({ outcomes: outcomes.slice(1), seconds: 1 }), [4, 5]],
    ["of another kind", "{}", [4]],
    ["that are no text", undefined, [4]],
  ])("are refused when %s", (_, text, trials) => {
    expect(() => parseResult(text, trials)).toThrow(/not of the trials that were asked for/);
  });
});

describe("failures of shards", () => {
  it("keep their code", () => {
    const error = failureOf(failureText("non-finite", "The weights are not finite."), "chip 4");
    expect(error).toMatchObject({
      name: "QtamlError",
      code: "non-finite",
      message: "The weights are not finite.",
    });
  });

  it("say what to do where workers die of a shard", () => {
    const error = failureOf("job stalled more than allowable limit", "chips 4 to 7");
    expect(error).toMatchObject({ code: "runtime-failure" });
    expect(error.message).toMatch(/^The workers that took chips 4 to 7 went away/);
  });

  it("are defects otherwise", () => {
    expect(failureOf("x is not a function", "chip 4").message).toBe(
      "A worker failed on chip 4: x is not a function",
    );
  });
});
