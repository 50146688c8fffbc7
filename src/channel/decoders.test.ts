import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { narrowFormatNames } from "../../test/formats.ts";
import { protectedUnbiased } from "./closed.ts";
import {
  decoder,
  decoderExists,
  decoderKinds,
  decoders,
  type Decoder,
  type DecoderInput,
  type DecoderKind,
} from "./decoders.ts";
import { bitContrast, perBitFlips, protectBits, symmetricFlips, topBitsMask } from "./flips.ts";
import { isLinear, numberFormat } from "./format.ts";
import { conditionalMoments } from "./butterfly.ts";
import { errorMoments, valueMoments } from "./moments.ts";

const momentsOf = (input: DecoderInput, decode: Float64Array) =>
  errorMoments({
    values: input.format.values,
    decode,
    flips: input.flips,
    histogram: input.histogram,
  });

/** Any format, histogram and protection, with every contrast at least 0.1 so that unbiased decoders exist. */
const anyInput = (names: readonly string[]): fc.Arbitrary<DecoderInput> =>
  fc.constantFrom(...names).chain((name) => {
    const format = numberFormat(name);
    const { bits, values } = format;
    const probabilities = fc.array(fc.double({ min: 0, max: 0.45, noNaN: true }), {
      minLength: bits,
      maxLength: bits,
    });
    const counts = fc.array(fc.nat(1000), { minLength: 2 ** bits, maxLength: 2 ** bits });
    return fc
      .tuple(probabilities, probabilities, counts, fc.integer({ min: 0, max: 2 ** bits - 1 }))
      .map(([p01, p10, count, mask]) => {
        const histogram = Float64Array.from(count, (n, c) => (Number.isFinite(values[c]!) ? n : 0));
        histogram[1]! += 1;
        histogram[2]! += 1;
        return { format, flips: protectBits(perBitFlips(p01, p10), mask), histogram };
      });
  });
const moderate = narrowFormatNames.filter((name) => !name.startsWith("fp8"));

describe("the mean-square error over the weight variance: 8 bits, p = 0.1, Gaussian weights with max at 6 sigma", () => {
  /** erf by its Maclaurin series: for |x| < 4.3 the terms stay below 1e7, so 1e-8 absolute; only used there. */
  const erf = (x: number) => {
    let [sum, term] = [0, x];
    for (let n = 0; n < 120; n++) {
      sum += term / (2 * n + 1);
      term *= (-x * x) / (n + 1);
    }
    return (2 * sum) / Math.sqrt(Math.PI);
  };
  const format = numberFormat("int8");
  const sigma = 127 / 6;
  const below = (q: number) => erf(Math.max(-4.24, Math.min(4.24, (q + 0.5) / sigma / Math.SQRT2)));
  const histogram = new Float64Array(256);
  for (let q = -127; q <= 127; q++) {
    histogram[format.integerCodes![q + 127]!] = Math.max(0, below(q) - below(q - 1));
  }
  const ratio = (protectedBits: number, kind: DecoderKind) => {
    const flips = protectBits(symmetricFlips(0.1, 8), topBitsMask(protectedBits, 8));
    const input = { format, flips, histogram };
    const { variance } = valueMoments(format.values, histogram);
    return Number((momentsOf(input, decoder(kind, input).table).meanSquareError / variance).toPrecision(3));
  };
  // To the three digits that are known of them.
  it.each([
    [0, 4.43, 6.86, 0.873, 0.385],
    [1, 1.31, 1.71, 0.428, 0.204],
    [2, 0.309, 0.428, 0.219, 0.185],
  ])(
    "with %i protected bits is %f as read, %f unbiased, %f linear, %f Bayes",
    (m, none, unbiased, linear, bayes) => {
      const kinds = ["none", "unbiased", "linear-mmse", "bayes"] as const;
      expect(kinds.map((kind) => ratio(m, kind))).toEqual([none, unbiased, linear, bayes]);
    },
  );

  it("is the same for the affine and the place-value unbiased decoder where nothing is protected", () => {
    expect(ratio(0, "unbiased-affine")).toBe(6.86);
  });

  it("is in between for the affine decoder that is unbiased only on average, where a bit is protected", () => {
    expect(ratio(1, "unbiased-affine")).toBe(0.748);
  });
});

describe("unbiased decoders", () => {
  it("give every stored value back on average, in any format", () => {
    fc.assert(
      fc.property(anyInput(narrowFormatNames), (input) => {
        const { values } = input.format;
        const { table, unbiased } = decoder("unbiased", input);
        const { mean } = conditionalMoments(table, input.flips);
        const scale = table.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        const worst = values.reduce(
          (m, v, c) => (Number.isFinite(v) ? Math.max(m, Math.abs(mean[c]! - v)) : m),
          0,
        );
        // 2^8 terms of at most `scale` with relative roundings of 2^-53 each, and 8 butterflies before.
        expect(worst).toBeLessThanOrEqual(scale * 2 ** -40);
        expect(unbiased).toBe(true);
      }),
      { seed: 31, numRuns: 100 },
    );
  });

  it("are c0 + sum s_k (b~_k - p01_k)/lambda_k for linear codes", () => {
    fc.assert(
      fc.property(anyInput(moderate.filter((n) => isLinear(numberFormat(n)))), (input) => {
        const { placeValues, offset } = input.format;
        const contrast = bitContrast(input.flips);
        decoder("unbiased", input).table.forEach((value, r) => {
          const byPlace = placeValues!.reduce(
            (sum, place, k) => sum + (place * (((r >> k) & 1) - input.flips.p01[k]!)) / contrast[k]!,
            offset!,
          );
          expect(Math.abs(value - byPlace)).toBeLessThan(1280 * 2 ** -40);
        });
      }),
      { seed: 32, numRuns: 50 },
    );
  });

  it("are (W~ + p Delta)/(1-2p) with nothing protected, and q~ + 2p(l~ - (2^L-1)/2)/(1-2p) with the top bits", () => {
    const format = numberFormat("int8");
    const histogram = new Float64Array(256).fill(1);
    const open = { format, flips: symmetricFlips(0.1, 8), histogram };
    const affine = decoder("unbiased-affine", open);
    expect(affine.affine!.slope).toBeCloseTo(1.25, 10);
    expect(affine.affine!.offset).toBeCloseTo(0.125, 10);
    expect(affine.unbiased).toBe(true);
    const top = decoder("unbiased", { ...open, flips: protectBits(open.flips, topBitsMask(3, 8)) });
    top.table.forEach((v, r) => expect(v).toBeCloseTo(protectedUnbiased(0.1, 5, format.values[r]!), 9));
  });

  it("pay with variance: 1/(1-2p)^2 times, and need contrast", () => {
    const format = numberFormat("int8");
    const histogram = new Float64Array(256).fill(1);
    const input = { format, flips: symmetricFlips(0.1, 8), histogram };
    const [before, after] = [format.values, decoder("unbiased", input).table].map(
      (table) => momentsOf(input, table).variance,
    );
    expect(after! / before!).toBeCloseTo(1.5625, 9);
    const blind = { ...input, flips: symmetricFlips(0.5, 8) };
    expect(() => decoder("unbiased", blind)).toThrow(/bit 0 is read as 1 with the same probability/);
    expect(() => decoder("unbiased-affine", blind)).toThrow(/No affine unbiased decoder/);
    expect(decoders(blind).map((d) => d.kind)).toEqual(["none", "linear-mmse", "bayes"]);
    expect(decoderKinds.filter((kind) => decoderExists(kind, blind))).toEqual([
      "none",
      "linear-mmse",
      "bayes",
    ]);
    expect(() => decoderExists("none", { ...blind, histogram: new Float64Array(256) })).toThrow(/no weights/);
  });

  it("in the affine form remove the mean error of the tensor even where they cannot remove every code's", () => {
    fc.assert(
      fc.property(anyInput(moderate), (input) => {
        const found = decoders(input).filter(
          (d) => d.kind === "unbiased-affine" && Math.abs(d.affine!.slope) < 1e3,
        );
        for (const { table } of found) {
          expect(Math.abs(momentsOf(input, table).mean)).toBeLessThan(2 ** -20);
        }
      }),
      { seed: 33, numRuns: 60 },
    );
  });
});

describe("a decoder", () => {
  const flips = symmetricFlips(0.01, 4);
  const unbiasedOf = (name: string, kind: DecoderKind) => {
    const format = numberFormat(name);
    const histogram = format.values.map((v) => (Number.isFinite(v) ? 1 : 0));
    const bits = { format, flips: symmetricFlips(0.01, format.bits), histogram };
    return decoder(kind, bits).unbiased;
  };

  it("says that it is unbiased where every value comes back on average, and only there", () => {
    const of = (name: string) => decoderKinds.filter((kind) => unbiasedOf(name, kind));
    expect(of("int4")).toEqual(["unbiased-affine", "unbiased"]);
    // A Gray code's mean is no straight line of its values.
    expect(of("int4-gray")).toEqual(["unbiased"]);
    // By its values as they are a flip may end at NaN.
    expect(of("fp8-e5m2")).toEqual(["unbiased"]);
  });

  it("has a straight line or no word of one", () => {
    const format = numberFormat("int4");
    const input = { format, flips, histogram: new Float64Array(16).fill(1) };
    expect(decoderKinds.filter((kind) => "affine" in decoder(kind, input))).toEqual([
      "none",
      "unbiased-affine",
      "linear-mmse",
    ]);
  });
});

describe("decoders of least error", () => {
  const errorOf = (input: DecoderInput, d: Decoder) => momentsOf(input, d.table).meanSquareError;

  it("rank: Bayes <= linear MMSE <= as read, the unbiased ones and a constant", () => {
    fc.assert(
      fc.property(anyInput(moderate), (input) => {
        const found = new Map(decoders(input).map((d) => [d.kind, errorOf(input, d)]));
        const slack = 1 + 2 ** -30;
        const linear = found.get("linear-mmse")! * slack + 2 ** -30;
        expect(found.get("bayes")!).toBeLessThanOrEqual(linear);
        expect(found.get("linear-mmse")!).toBeLessThanOrEqual(found.get("none")! * slack + 2 ** -30);
        expect(found.get("linear-mmse")!).toBeLessThanOrEqual(
          valueMoments(input.format.values, input.histogram).variance * slack,
        );
        expect(found.get("bayes")!).toBeLessThanOrEqual(
          (found.get("unbiased") ?? Infinity) * slack + 2 ** -30,
        );
      }),
      { seed: 34, numRuns: 100 },
    );
  });

  it("cannot be bettered by a small change of the table (Bayes) or of slope and intercept (linear)", () => {
    fc.assert(
      fc.property(
        anyInput(moderate),
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom(-0.01, 0.01),
        (input, r, by) => {
          const { values } = input.format;
          const bayes = decoder("bayes", input);
          const changed = bayes.table.map((v, i) => (i === r % values.length ? v + by : v));
          expect(momentsOf(input, changed).meanSquareError).toBeGreaterThanOrEqual(
            errorOf(input, bayes) - 2 ** -30,
          );
          const linear = decoder("linear-mmse", input);
          const { slope, offset } = linear.affine!;
          for (const [s, o] of [
            [slope + by, offset],
            [slope, offset + by],
          ] as const) {
            const moved = values.map((v) => s * v + o);
            expect(momentsOf(input, moved).meanSquareError).toBeGreaterThanOrEqual(
              errorOf(input, linear) - 2 ** -30,
            );
          }
        },
      ),
      { seed: 35, numRuns: 60 },
    );
  });

  it("keep the mean of the tensor", () => {
    fc.assert(
      fc.property(anyInput(moderate), (input) => {
        for (const kind of ["linear-mmse", "bayes"] as const) {
          expect(Math.abs(momentsOf(input, decoder(kind, input).table).mean)).toBeLessThan(2 ** -30);
        }
      }),
      { seed: 36, numRuns: 60 },
    );
  });
});

describe("every decoder", () => {
  it("changes nothing when no bit flips", () => {
    for (const name of narrowFormatNames) {
      const format = numberFormat(name);
      const histogram = format.values.map((v) => (Number.isFinite(v) ? 1 : 0));
      for (const { kind, table, unbiased } of decoders({
        format,
        flips: symmetricFlips(0, format.bits),
        histogram,
      })) {
        const worst = format.values.reduce(
          (m, v, c) => (Number.isFinite(v) ? Math.max(m, Math.abs(table[c]! - v)) : m),
          0,
        );
        expect([kind, worst <= format.largest * 2 ** -40, unbiased]).toEqual([kind, true, true]);
      }
    }
  });

  it("is a table that its affine map makes, in the order of decoderKinds, and finite for table decoders of fp8", () => {
    for (const name of ["int4", "fp8-e4m3", "fp8-e5m2"]) {
      const format = numberFormat(name);
      const histogram = format.values.map((v) => (Math.abs(v) <= 16 ? 1 : 0));
      const all = decoders({ format, flips: symmetricFlips(0.01, format.bits), histogram });
      expect(all.map((d) => d.kind)).toEqual([...decoderKinds]);
      for (const { kind, table, affine } of all) {
        expect(affine === undefined).toBe(kind === "unbiased" || kind === "bayes");
        expect(table.every(Number.isFinite) || affine !== undefined).toBe(true);
        const rebuilt =
          affine === undefined ? table : format.values.map((v) => affine.slope * v + affine.offset);
        expect(rebuilt).toEqual(table);
      }
    }
  });

  it("wants flips of the format's width and a histogram that counts something", () => {
    const format = numberFormat("int4");
    const histogram = new Float64Array(16);
    expect(() => decoder("none", { format, flips: symmetricFlips(0.1, 8), histogram })).toThrow(
      /8 bits do not fit/,
    );
    expect(() => decoder("none", { format, flips: symmetricFlips(0.1, 4), histogram })).toThrow(/no weights/);
  });
});
