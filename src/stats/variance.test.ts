import { describe, expect, it } from "vitest";
import { meanInterval } from "./mean.ts";
import { momentsOf, standardDeviation } from "./moments.ts";
import { uniformStream } from "./random.ts";
import { controlledValues, stratifiedMean, varianceFactor, withKnownStratum } from "./variance.ts";

/** Skewed values with a control: v = u^2 + noise, c = u, E c = 1/2, E v = 1/3. */
function chips(n: number, uniform: () => number, noise = 0.1) {
  const controls = Float64Array.from({ length: n }, () => uniform());
  return { controls, values: controls.map((u) => u * u + noise * (uniform() - 0.5)) };
}

const means = (repeats: number, of: () => ArrayLike<number>) =>
  Float64Array.from({ length: repeats }, () => momentsOf(of()).mean);

describe("controlledValues", () => {
  it.each(["others", "earlier"] as const)(
    "leaves the mean unbiased with %s, even from eight chips",
    (basis) => {
      const uniform = uniformStream(11);
      const found = momentsOf(
        means(20000, () => {
          const { controls, values } = chips(8, uniform);
          return controlledValues(values, { values: controls, expected: 0.5 }, basis);
        }),
      );
      // Four standard errors of the average over the repeats.
      expect(Math.abs(found.mean - 1 / 3)).toBeLessThan((4 * standardDeviation(found)) / Math.sqrt(20000));
    },
  );

  it("would see the bias of a coefficient learnt from the chip itself", () => {
    const uniform = uniformStream(11);
    const found = momentsOf(
      means(20000, () => {
        const { controls, values } = chips(8, uniform);
        const [mc, mv] = [momentsOf(controls), momentsOf(values)];
        const cross = controls.reduce((sum, c, i) => sum + (c - mc.mean) * (values[i]! - mv.mean), 0);
        return [mv.mean - (cross / mc.m2) * (mc.mean - 0.5)];
      }),
    );
    expect(Math.abs(found.mean - 1 / 3)).toBeGreaterThan((4 * standardDeviation(found)) / Math.sqrt(20000));
  });

  it("gains what the correlation promises", () => {
    const { controls, values } = chips(4000, uniformStream(5));
    const reduced = controlledValues(values, { values: controls, expected: 0.5 });
    // var v = 4/45 + 0.01/12; what is left is var(u^2 - u) = 1/180, and the noise.
    const expected = (4 / 45 + 0.01 / 12) / (1 / 180 + 0.01 / 12);
    // A ratio of sample variances of 4,000: relative deviation below sqrt(2 * 4 / 4000) = 0.045 for kurtosis below 5.
    expect(varianceFactor(values, reduced) / expected).toBeGreaterThan(0.82);
    expect(varianceFactor(values, reduced) / expected).toBeLessThan(1.18);
  });

  it("uses no later chip where only earlier ones may be used", () => {
    const { controls, values } = chips(30, uniformStream(2));
    const all = controlledValues(values, { values: controls, expected: 0.5 }, "earlier");
    const first = controlledValues(
      values.slice(0, 20),
      { values: controls.slice(0, 20), expected: 0.5 },
      "earlier",
    );
    expect(all.slice(0, 20)).toEqual(first);
  });

  it("keeps the coefficient within its limits", () => {
    const { controls, values } = chips(200, uniformStream(4));
    const control = { values: controls, expected: 0.5 };
    // The coefficient of u^2 on u is 1; within [0, 0.25] it is 0.25.
    const limited = controlledValues(values, control, "others", [0, 0.25]);
    limited.forEach((v, i) => expect(v).toBeCloseTo(values[i]! - 0.25 * (controls[i]! - 0.5), 12));
    expect(controlledValues(values, control, "others", [-1, 0])).toEqual(Float64Array.from(values));
  });

  it("leaves values alone where the control never moves", () => {
    const values = [0.5, 0.7, 0.1, 0.9, 0.3, 0.2];
    const control = { values: values.map(() => 2), expected: 2 };
    expect(Array.from(controlledValues(values, control))).toEqual(values);
    expect(() => controlledValues(values, { values: [1], expected: 1 })).toThrow(/1 chips have a control/);
    expect(() => controlledValues([1], { values: [1], expected: NaN })).toThrow(/not finite/);
  });
});

describe("withKnownStratum", () => {
  it("is unbiased, and spreads less than the mean over all chips", () => {
    const uniform = uniformStream(3);
    const [share, clean] = [0.9, 0.95];
    const hitMean = clean - 0.25;
    const mixed: number[] = [];
    const whole: number[] = [];
    for (let repeat = 0; repeat < 4000; repeat++) {
      const all = Float64Array.from({ length: 60 }, () =>
        uniform() < share ? clean : clean - 0.5 * uniform(),
      );
      const hit = all.filter((v) => v !== clean);
      if (hit.length < 2) continue;
      const known = withKnownStratum(meanInterval(hit), { share, value: clean });
      mixed.push(known.estimate);
      whole.push(momentsOf(all).mean);
    }
    const found = momentsOf(mixed);
    const truth = share * clean + (1 - share) * hitMean;
    expect(Math.abs(found.mean - truth)).toBeLessThan(
      (4 * standardDeviation(found)) / Math.sqrt(found.count),
    );
    // 1 + share d^2 / s^2 = 3.7 for many hits; six hits on average leave three quarters of that.
    expect(varianceFactor(whole, mixed)).toBeGreaterThan(2);
  });

  it("needs no chip where none can be hit", () => {
    const unknown = { estimate: NaN, low: -Infinity, high: Infinity };
    expect(withKnownStratum(unknown, { share: 1, value: 0.9 })).toEqual({
      estimate: 0.9,
      low: 0.9,
      high: 0.9,
    });
    expect(() => withKnownStratum(unknown, { share: 1.5, value: 0 })).toThrow(/share of 1.5/);
  });
});

describe("stratifiedMean", () => {
  it("is unbiased and covers", () => {
    const uniform = uniformStream(8);
    const sample = (n: number, base: number, width: number) =>
      momentsOf(Float64Array.from({ length: n }, () => base + width * uniform()));
    const truth = 0.7 * 0.905 + 0.3 * 0.5;
    let covered = 0;
    const estimates = Float64Array.from({ length: 3000 }, () => {
      const found = stratifiedMean([
        { share: 0.7, moments: sample(10, 0.9, 0.01) },
        { share: 0.3, moments: sample(20, 0.2, 0.6) },
      ]);
      covered += found.low <= truth && truth <= found.high ? 1 : 0;
      return found.estimate;
    });
    const found = momentsOf(estimates);
    expect(Math.abs(found.mean - truth)).toBeLessThan((4 * standardDeviation(found)) / Math.sqrt(3000));
    // 95 % of 3,000 less four binomial deviations of 12, and 1 % for values that are not normal.
    expect(covered).toBeGreaterThan(2850 - 48 - 30);
  });

  it("refuses shares that do not add up, and a stratum without chips", () => {
    const moments = momentsOf([1, 2, 3]);
    expect(() => stratifiedMean([{ share: 0.5, moments }])).toThrow(/add up to 1/);
    expect(() =>
      stratifiedMean([
        { share: 0.5, moments },
        { share: 0.5, moments: momentsOf([]) },
      ]),
    ).toThrow(/each needs chips/);
  });
});
