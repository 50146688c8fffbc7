import { describe, expect, it } from "vitest";
import { addressedStreams, nextUniform } from "../channel/index.ts";
import { NormSums, probeTargets, standardError, variance } from "./norms.ts";

/** Groups of one sample whose contrast norms scatter uniformly in `1 ± spread` over the probes. */
function scattered(groups: number, probes: number, spread: number, seed: number): NormSums {
  const random = addressedStreams({ seed, trial: 0, tensor: 0 }, 7)(0);
  const sums = new NormSums(groups, 1);
  for (let g = 0; g < groups; g++) {
    sums.common[g]!.push(0.5);
    for (let p = 0; p < probes; p++) sums.contrast[g]!.push(1 + spread * (2 * nextUniform(random) - 1));
  }
  return sums;
}

describe("variance and standard error", () => {
  it("are those of the textbook", () => {
    expect(variance([1, 2, 4])).toBeCloseTo(7 / 3, 12);
    expect(standardError([1, 2, 4])).toBeCloseTo(Math.sqrt(7 / 9), 12);
    expect(variance([3])).toBe(0);
  });
});

describe("NormSums", () => {
  it("asks for as many probes as its targets take", () => {
    // Uniform in 1 ± s has variance s^2 / 3; the sum of all groups' estimates of it scatters by some 10 %.
    const spread = 0.9;
    const expected = (groups: number) =>
      Math.max(
        spread ** 2 / 3 / groups / (probeTargets.mean * 1.5) ** 2,
        spread ** 2 / 3 / probeTargets.sample ** 2,
      );
    for (const groups of [1, 8, 64]) {
      const found = scattered(groups, 400, spread, groups).neededProbes();
      expect(found).toBeGreaterThan(0.85 * expected(groups));
      expect(found).toBeLessThan(1.15 * expected(groups) + 1);
    }
  });

  it("asks for none where probes agree, or nothing depends on the weights", () => {
    expect(scattered(4, 2, 0, 1).neededProbes()).toBe(0);
    const zero = new NormSums(1, 1);
    zero.common[0]!.push(0);
    zero.contrast[0]!.push(0, 0);
    expect(zero.neededProbes()).toBe(0);
  });

  it("adds both kinds of seeds, each by its own number, and shares the sum among channels", () => {
    const sums = new NormSums(2, 2);
    sums.common.forEach((c, g) => c.push(1 + g));
    sums.contrast.forEach((c, g) => c.push(10 + g, 30 + g));
    sums.commonChannels.set([3, 0]);
    sums.contrastChannels.set([0, 82]);
    const found = sums.result("gradient-probes", 3);
    expect([...found.sampleContrastNorms]).toEqual([20, 20, 20, 21, 21, 21]);
    expect([...found.sampleSquaredNorms]).toEqual([21, 21, 21, 23, 23, 23]);
    expect(found.squaredNorm).toBe(22);
    expect(found.standardError).toBeCloseTo(1, 12);
    expect([...found.channelSquaredNorms!]).toEqual([(22 * 3) / 44, (22 * 41) / 44]);
    expect(found.probes).toBe(2);
  });
});
