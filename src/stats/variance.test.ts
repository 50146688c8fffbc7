import { describe, expect, it } from "vitest";
import { meanInterval } from "./mean.ts";
import { studentQuantile } from "./beta.ts";
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

describe("the coefficient of a control", () => {
  /** Least squares of the values on the control, over some chips: no slope from fewer than four. */
  function coefficient(values: readonly number[], controls: readonly number[]): number {
    if (values.length < 4) return 0;
    const [mv, mc] = [momentsOf(values).mean, momentsOf(controls)];
    return controls.reduce((sum, c, i) => sum + (c - mc.mean) * (values[i]! - mv), 0) / mc.m2;
  }

  it.each(["others", "earlier"] as const)("is that of least squares over the %s", (basis) => {
    const drawn = chips(12, uniformStream(17));
    // Far from 0: sums that are not taken about an origin would lose six digits.
    const [values, controls] = [
      Array.from(drawn.values, (v) => 1e5 + v),
      Array.from(drawn.controls, (c) => 1e5 + c),
    ];
    const expected = 1e5 + 0.5;
    const isBasis = (i: number, j: number) => (basis === "others" ? i !== j : i < j);
    const found = controlledValues(values, { values: controls, expected }, basis);
    found.forEach((value, j) => {
      const of = (all: readonly number[]) => all.filter((_, i) => isBasis(i, j));
      const slope = coefficient(of(values), of(controls));
      // Values near 1e5 end in 2^-36; the slope of some 1 loses a few times that.
      expect(Math.abs(value - (values[j]! - slope * (controls[j]! - expected)))).toBeLessThan(1e-9);
    });
  });

  it("takes the others unless told, from five chips on", () => {
    const { controls, values } = chips(5, uniformStream(18));
    const control = { values: controls, expected: 0.5 };
    expect(controlledValues(values, control)).toEqual(controlledValues(values, control, "others"));
    expect(controlledValues(values, control)).not.toEqual(values);
    const few = { values: controls.slice(0, 4), expected: 0.5 };
    expect(controlledValues(values.slice(0, 4), few)).toEqual(values.slice(0, 4));
    expect(controlledValues(values, control, "earlier").slice(0, 4)).toEqual(values.slice(0, 4));
    expect(controlledValues(values, control, "earlier")[4]).not.toBe(values[4]);
    expect(controlledValues([], { values: [], expected: 0 })).toEqual(new Float64Array(0));
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

  it("mixes all three numbers by the share", () => {
    const mixed = withKnownStratum({ estimate: 0.4, low: 0.2, high: 0.8 }, { share: 0.75, value: 1 });
    expect(mixed.estimate).toBeCloseTo(0.85, 14);
    expect(mixed.low).toBeCloseTo(0.8, 14);
    expect(mixed.high).toBeCloseTo(0.95, 14);
    const untouched = { estimate: 0.4, low: 0.2, high: 0.8 };
    expect(withKnownStratum(untouched, { share: 0, value: 1 })).toEqual(untouched);
    for (const share of [-0.1, Number.NaN]) {
      expect(() => withKnownStratum(untouched, { share, value: 1 })).toThrow(/give one from 0 to 1/);
    }
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

  it("is Student's interval with Welch's degrees of freedom", () => {
    const sample = [0.3, 0.5, 0.1, 0.9];
    const moments = momentsOf(sample);
    // One stratum: the plain interval.
    const one = stratifiedMean([{ share: 1, moments }], { confidence: 0.9 });
    const plain = meanInterval(sample, { confidence: 0.9 });
    expect(one.low).toBeCloseTo(plain.low, 12);
    expect(one.high).toBeCloseTo(plain.high, 12);
    // Two alike: half the variance of the mean, and 2 (n - 1) degrees of freedom.
    const two = stratifiedMean([
      { share: 0.5, moments },
      { share: 0.5, moments },
    ]);
    const half = studentQuantile(0.975, 6) * Math.sqrt(moments.m2 / 3 / 4 / 2);
    expect(two.low).toBeCloseTo(moments.mean - half, 12);
    expect(two.high).toBeCloseTo(moments.mean + half, 12);
    // Welch and Satterthwaite by hand: parts 0.16 s^2 / 4 and 0.36 (4 s^2) / 8.
    const spread = momentsOf([...sample, ...sample].map((v, i) => 2 * v + (i < 4 ? 1e-9 : 0)));
    const parts = [(0.16 * moments.m2) / 3 / 4, (0.36 * spread.m2) / 7 / 8];
    const variance = parts[0]! + parts[1]!;
    const freedom = variance ** 2 / (parts[0]! ** 2 / 3 + parts[1]! ** 2 / 7);
    const unlike = stratifiedMean([
      { share: 0.4, moments },
      { share: 0.6, moments: spread },
      { share: 0, moments: momentsOf([]) },
    ]);
    expect(unlike.estimate).toBeCloseTo(0.4 * moments.mean + 0.6 * spread.mean, 12);
    expect(unlike.high - unlike.estimate).toBeCloseTo(
      studentQuantile(0.975, freedom) * Math.sqrt(variance),
      10,
    );
    expect(unlike.estimate - unlike.low).toBeCloseTo(unlike.high - unlike.estimate, 12);
  });

  it("is a point where nothing varies, and unbounded where a stratum has one chip", () => {
    const still = momentsOf([0.5, 0.5]);
    expect(stratifiedMean([{ share: 1, moments: still }])).toEqual({ estimate: 0.5, low: 0.5, high: 0.5 });
    const one = stratifiedMean(
      [
        { share: 0.5, moments: still },
        { share: 0.5, moments: momentsOf([1]) },
      ],
      { clip: [0, 1] },
    );
    expect(one).toEqual({ estimate: 0.75, low: 0, high: 1 });
    expect(() => stratifiedMean([{ share: 1, moments: still }], { confidence: 1 })).toThrow(
      /confidence of 1/,
    );
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
