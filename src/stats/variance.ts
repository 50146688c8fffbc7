/**
 * @file Variance reduction that leaves an average unbiased: control variates whose expectation is known, a stratum
 * whose share and value are known, and strata that are sampled apart. What comes out are values or moments that the
 * intervals of this room take like any others.
 */
import { QtamlError } from "../errors.ts";
import { studentQuantile } from "./beta.ts";
import { clipInterval, missProbability, type ClipOptions, type Interval } from "./interval.ts";
import { momentsOf, sampleVariance, type Moments } from "./moments.ts";

/** Something measured on every chip beside the value, with a mean over all chips that is known exactly. */
export interface Control {
  /** [n] on each chip. */
  readonly values: ArrayLike<number>;
  /** Its expectation over chips. */
  readonly expected: number;
}

/** Which chips the coefficient of a chip's control is learnt from; never the chip itself. */
export type ControlBasis = "others" | "earlier";

/**
 * The values of chips with what a control explains of them taken out: `v_i - beta_i (c_i - E c)`. Their mean has the
 * same expectation as that of `values`, whatever the coefficients, because `beta_i` is learnt from other chips, which
 * are independent of chip i (a coefficient learnt from all chips would leave a bias of order 1/n).
 *
 * - `others`: `beta_i` is the regression over all other chips. For a fixed number of chips (`meanInterval`).
 * - `earlier`: over the chips before i, 0 for the first ones. The differences from the mean are then those of a
 *   martingale, which confidence sequences need.
 *
 * The factor gained is the ratio of the variances, near `1 / (1 - r^2)` for a correlation r (Lavenberg and Welch,
 * Management Science 27, 322, 1981).
 *
 * @param values [n] of independent chips
 * @param limits bounds that the coefficient is kept within, so that the differences have bounds too
 * @throws QtamlError `invalid-argument` for controls of another number of chips, `non-finite` for one that is not finite
 */
export function controlledValues(
  values: ArrayLike<number>,
  control: Control,
  basis: ControlBasis = "others",
  limits: readonly [low: number, high: number] = [-Infinity, Infinity],
): Float64Array {
  const n = values.length;
  if (control.values.length !== n) {
    throw new QtamlError(
      "invalid-argument",
      `${control.values.length} chips have a control and ${n} a value; give one of each for every chip.`,
    );
  }
  const shifted = Float64Array.from(control.values, (c) => c - control.expected);
  if (!shifted.every(Number.isFinite)) {
    throw new QtamlError("non-finite", "A control or its expectation is not finite; leave this control out.");
  }
  // Sums about the first value and the known expectation lose no digits to the size of either.
  const origin = values[0] ?? 0;
  const all = sumsOf(values, shifted, origin);
  const before = emptySums();
  return Float64Array.from({ length: n }, (_, i) => {
    const c = shifted[i]!;
    const v = values[i]! - origin;
    const own = { count: 1, c, v, cc: c * c, cv: c * v };
    const learnt = basis === "earlier" ? { ...before } : minus(all, own);
    accumulate(before, own);
    return values[i]! - Math.min(limits[1], Math.max(limits[0], slope(learnt))) * c;
  });
}

interface Sums {
  count: number;
  c: number;
  v: number;
  cc: number;
  cv: number;
}

const emptySums = (): Sums => ({ count: 0, c: 0, v: 0, cc: 0, cv: 0 });

function accumulate(sums: Sums, term: Sums): void {
  sums.count += term.count;
  sums.c += term.c;
  sums.v += term.v;
  sums.cc += term.cc;
  sums.cv += term.cv;
}

function sumsOf(values: ArrayLike<number>, shifted: Float64Array, origin: number): Sums {
  const sums = emptySums();
  shifted.forEach((c, i) => {
    const v = values[i]! - origin;
    accumulate(sums, { count: 1, c, v, cc: c * c, cv: c * v });
  });
  return sums;
}

const minus = (a: Sums, b: Sums): Sums => ({
  count: a.count - b.count,
  c: a.c - b.c,
  v: a.v - b.v,
  cc: a.cc - b.cc,
  cv: a.cv - b.cv,
});

/** Chips before a regression is believed; any coefficient is unbiased, a wild one is not useful. */
const fewestForSlope = 4;

function slope({ count, c, v, cc, cv }: Sums): number {
  if (count < fewestForSlope) return 0;
  const spread = cc - (c * c) / count;
  return spread > 1e-12 * cc ? (cv - (c * v) / count) / spread : 0;
}

/**
 * The mean over all chips from that over the chips that are hit at all: `P(no hit) clean + P(hit) mean(hit chips)`.
 * Chips without a hit need no inference, and their share is known exactly, so their number adds no variance.
 *
 * Unbiased for chips drawn until a wanted number of them is hit, and for a fixed number of chips of which those hit
 * are averaged (given that there is one): chips that are hit are independent draws from the law of hit chips.
 *
 * @param hit interval of the mean over chips that are hit
 * @param known the share of chips that are not, and what each of them gives
 * @throws QtamlError `invalid-argument` for a share outside [0, 1]
 */
export function withKnownStratum(
  hit: Interval,
  known: { readonly share: number; readonly value: number },
): Interval {
  const { share, value } = known;
  if (!(share >= 0 && share <= 1)) {
    throw new QtamlError("invalid-argument", `A share of ${share} is not possible; give one from 0 to 1.`);
  }
  if (share === 1) return { estimate: value, low: value, high: value };
  const mix = (x: number) => share * value + (1 - share) * x;
  return { estimate: mix(hit.estimate), low: mix(hit.low), high: mix(hit.high) };
}

/** Chips of one stratum. */
export interface Stratum {
  /** Its share of all chips, known exactly. */
  readonly share: number;
  readonly moments: Moments;
}

/**
 * The mean over strata that were sampled apart, `sum share_h mean_h`, with the interval by Student's t at Satterthwaite's
 * degrees of freedom (Cochran, Sampling Techniques, 1977, section 5.4).
 *
 * @throws QtamlError `invalid-argument` when the shares do not add up to 1, or a stratum with a share has no chips
 */
export function stratifiedMean(strata: readonly Stratum[], options: ClipOptions = {}): Interval {
  const used = strata.filter(({ share }) => share > 0);
  const total = used.reduce((sum, { share }) => sum + share, 0);
  if (!(Math.abs(total - 1) < 1e-9) || used.some(({ moments }) => moments.count === 0)) {
    throw new QtamlError(
      "invalid-argument",
      `Strata of ${strata.map((s) => `${s.moments.count} chips (share ${s.share})`).join(", ")} have no mean; the shares must add up to 1, and each needs chips.`,
    );
  }
  const estimate = used.reduce((sum, { share, moments }) => sum + share * moments.mean, 0);
  const parts = used.map(({ share, moments }) => (share ** 2 * sampleVariance(moments)) / moments.count);
  const variance = parts.reduce((a, b) => a + b, 0);
  const alpha = missProbability(options.confidence);
  if (Number.isNaN(variance)) {
    return clipInterval({ estimate, low: -Infinity, high: Infinity }, options.clip);
  }
  const freedom =
    1 / parts.reduce((sum, part, h) => sum + (part / variance) ** 2 / (used[h]!.moments.count - 1), 0);
  const half = variance === 0 ? 0 : studentQuantile(1 - alpha / 2, freedom) * Math.sqrt(variance);
  return clipInterval({ estimate, low: estimate - half, high: estimate + half }, options.clip);
}

/**
 * How many times fewer chips give an interval of the same width: the variance of plain values over that of the reduced
 * ones, each for one chip.
 */
export function varianceFactor(plain: ArrayLike<number>, reduced: ArrayLike<number>): number {
  return sampleVariance(momentsOf(plain)) / sampleVariance(momentsOf(reduced));
}
