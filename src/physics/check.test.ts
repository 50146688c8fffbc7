import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeDomain, nearest, requireNumber, unknownWord, type Domain } from "./check.ts";

describe("requireNumber", () => {
  it.each<[Domain, number[], number[]]>([
    [{}, [-1e300, 0, 1e300], [Number.NaN, Infinity, -Infinity]],
    [{ min: 2 }, [2, 3], [1.999, -Infinity, Infinity]],
    [{ max: 5 }, [5, -7], [5.001, Infinity]],
    [{ above: 0 }, [1e-300, 4], [0, -1e-300, Number.NaN]],
    [{ min: 0, max: 1 }, [0, 0.5, 1], [-1e-9, 1.000001]],
    [{ above: 0, max: 1 }, [1e-9, 1], [0, 1.000001]],
  ])("takes %j with its ends", (domain, inside, outside) => {
    for (const value of inside) expect(requireNumber("holdS", value, domain)).toBe(value);
    for (const value of outside) {
      const expected = expect.objectContaining({
        code: "invalid-argument",
        message: `holdS is ${value}: give ${describeDomain(domain)}.`,
      });
      expect(() => requireNumber("holdS", value, domain)).toThrow(expected);
    }
  });

  it("says the domain in words", () => {
    const domains: Domain[] = [
      { min: 0, max: 1 },
      { above: 0, max: 1 },
      { above: 0 },
      { min: 2 },
      { max: 5 },
      {},
    ];
    expect(domains.map(describeDomain)).toEqual([
      "a number from 0 to 1",
      "a number above 0 and at most 1",
      "a number above 0",
      "a number that is at least 2",
      "a number that is at most 5",
      "a finite number",
    ]);
  });
});

/** The edit distance straight from its recursion. */
function distance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const kept = distance(a.slice(1), b.slice(1)) + (a[0]!.toLowerCase() === b[0]!.toLowerCase() ? 0 : 1);
  return Math.min(kept, distance(a.slice(1), b) + 1, distance(a, b.slice(1)) + 1);
}

describe("nearest", () => {
  const word = (from: number, to: number) =>
    fc
      .array(fc.constantFrom("a", "B", "b", "c"), { minLength: from, maxLength: to })
      .map((letters) => letters.join(""));

  it("is the first of those at the least edit distance, where half of the letters stay", () => {
    fc.assert(
      fc.property(word(1, 5), fc.array(word(0, 5), { maxLength: 4 }), (given, candidates) => {
        const far = candidates.map((candidate) => distance(given, candidate));
        const least = Math.min(...far);
        const expected =
          least <= Math.max(1, Math.ceil(given.length / 2)) ? candidates[far.indexOf(least)]! : null;
        expect(nearest(given, candidates)).toBe(expected);
      }),
      { seed: 4, numRuns: 150 },
    );
  });

  it("guesses in a sentence, or does not", () => {
    const known = ["sio2", "hfo2", "al2o3"];
    expect(unknownWord("material", "SiO", known)).toBe(
      'Unknown material "SiO", did you mean "sio2"? (known: sio2, hfo2, al2o3).',
    );
    expect(unknownWord("material", "vacuum", known)).toBe(
      'Unknown material "vacuum" (known: sio2, hfo2, al2o3).',
    );
    expect(nearest("x", [])).toBeNull();
  });
});
