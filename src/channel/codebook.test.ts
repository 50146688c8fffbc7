import { describe, expect, it } from "vitest";
import {
  affineFit,
  bayesFit,
  channelRanges,
  codebookOf,
  rangeEncoder,
  refineCodebook,
  unshrunkReading,
  type WeightDistribution,
} from "./codebook.ts";
import { conditionalMoments } from "./butterfly.ts";
import { decoder } from "./decoders.ts";
import { designCodebook, weightDistribution } from "./design.ts";
import { perBitFlips, protectBits, symmetricFlips, topBitsMask } from "./flips.ts";
import { numberFormat } from "./format.ts";
import { channelMatrix } from "./matrix.ts";
import { errorMoments } from "./moments.ts";
import { addressedStreams, nextNormal, nextUniform } from "./stream.ts";

/** A Gaussian of deviation 1 as point masses, so fine that its discreteness is below the tolerances here. */
function gaussian(points = 4001): WeightDistribution {
  const values = Float64Array.from({ length: points }, (_, i) => -6 + (12 * i) / (points - 1));
  return { values, masses: values.map((x) => Math.exp((-x * x) / 2)) };
}

function randomTable(seed: number, bits: number): Float64Array {
  const state = addressedStreams({ seed, trial: 0, tensor: 0 }, 2)(0);
  return Float64Array.from({ length: 2 ** bits }, () => nextNormal(state));
}

const asymmetric = perBitFlips([0.02, 0.2, 0.05, 0.1, 0], [0.1, 0.03, 0.3, 0.1, 0]);

describe("channelRanges", () => {
  it.each([1, 2, 3])("gives each weight the code of the least expected error, seed %i", (seed) => {
    const table = randomTable(seed, 5);
    const { mean, variance } = conditionalMoments(table, asymmetric);
    const error = (x: number, code: number) => (x - mean[code]!) ** 2 + variance[code]!;
    const ranges = channelRanges(table, asymmetric);
    const weights = Float32Array.from({ length: 2001 }, (_, i) => (i - 1000) / 250);
    const encode = rangeEncoder(ranges);
    weights.forEach((x) => {
      const least = Math.min(...Array.from(mean.keys(), (code) => error(x, code)));
      expect(error(x, encode(x))).toBeLessThanOrEqual(least + 1e-9);
    });
  });

  it("leaves out codes that no weight deserves, and orders the others", () => {
    const { limits, codes } = channelRanges(randomTable(4, 8), symmetricFlips(0.1, 8));
    expect(codes.length).toBeLessThan(256);
    expect(limits.length).toBe(codes.length - 1);
    expect(Array.from(limits)).toEqual([...limits].sort((a, b) => a - b));
  });

  it("takes one of several codes that are read alike", () => {
    const { codes, limits } = channelRanges(Float64Array.of(1, 1, 1, 1), symmetricFlips(0, 2));
    expect([codes.length, limits.length]).toEqual([1, 0]);
  });

  it("is rounding to the nearest value where nothing flips", () => {
    const { values } = numberFormat("int4");
    const { codes, limits } = channelRanges(values, symmetricFlips(0, 4));
    expect(Array.from(limits)).toEqual(Array.from({ length: 15 }, (_, i) => i - 7.5));
    expect(Array.from(codes, (c) => values[c])).toEqual(Array.from({ length: 16 }, (_, i) => i - 8));
  });
});

describe("rangeEncoder", () => {
  it("finds the interval of every weight, at limits the upper one", () => {
    const state = addressedStreams({ seed: 1, trial: 0, tensor: 0 }, 2)(0);
    const limits = Float64Array.from({ length: 40 }, () => nextUniform(state) ** 6).sort();
    const codes = Uint8Array.from({ length: 41 }, (_, i) => 40 - i);
    const weights = [...limits, ...Array.from({ length: 500 }, () => nextUniform(state)), -1, 2];
    const expected = weights.map((w) => 40 - limits.filter((limit) => limit <= w).length);
    expect(weights.map(rangeEncoder({ limits, codes }))).toEqual(expected);
  });
});

describe("codebookOf", () => {
  it("states the error that enumeration over all received codes gives", () => {
    const table = randomTable(5, 5);
    const source = { values: Float64Array.of(-1.5, -0.2, 0.1, 2), masses: Float64Array.of(1, 5, 3, 2) };
    const book = codebookOf(table, source, asymmetric);
    const { ranges, distortion } = book;
    const matrix = channelMatrix(asymmetric);
    const codes = source.values.map(rangeEncoder(ranges));
    const average = (of: (x: number, read: number) => number) =>
      source.values.reduce(
        (sum, x, i) =>
          sum +
          (source.masses[i]! / 11) *
            table.reduce((s, read, r) => s + matrix[codes[i]! * 32 + r]! * of(x, read), 0),
        0,
      );
    expect(distortion).toBeCloseTo(
      average((x, read) => (x - read) ** 2),
      7,
    );
    const centre = average((x) => x);
    const readCentre = average((_, read) => read);
    const square = average((x) => x * x);
    const slope = average((x, read) => (x - centre) * read) / average((x) => (x - centre) ** 2);
    for (const shrinking of [0, 0.5, 1]) {
      const reading = unshrunkReading(book, source, asymmetric, shrinking);
      const { gain, offset } = reading;
      const full = square / (square - (1 - slope) * (square - centre ** 2));
      expect(gain).toBeCloseTo(full ** (1 - shrinking), 7);
      expect(gain * readCentre + offset).toBeCloseTo(centre, 7);
      expect(reading.distortion).toBeCloseTo(
        average((x, read) => (x - gain * read - offset) ** 2),
        7,
      );
    }
  });
});

describe("unshrunkReading", () => {
  const flips = symmetricFlips(0.1, 8);
  /** Weights of unit mean square about a mean. */
  const about = (centre: number) => {
    const { values, masses } = gaussian();
    const total = masses.reduce((a, b) => a + b, 0);
    const square = values.reduce((sum, x, i) => sum + x * x * masses[i]!, 0) / total;
    const spread = Math.sqrt((1 - centre ** 2) / square);
    return { values: values.map((x) => centre + spread * x), masses };
  };

  it("is the table over its slope where weights have no mean", () => {
    const source = about(0);
    const book = designCodebook(source, flips, "table");
    const { gain, offset, distortion } = unshrunkReading(book, source, flips);
    // With mean square 1 and E[x read] = 1 the error is E[read^2] - 1, and E[table^2] = distortion + 2 / gain - 1; the
    // offset takes the table's own mean away.
    expect(distortion).toBeCloseTo(gain ** 2 * (book.distortion + 2 / gain - 1) - 1 - offset ** 2, 9);
    expect(gain).toBeGreaterThan(1.05);
  });

  it.each([0.3, 0.9, 0.998])(
    "has the mean of the weights, and makes no noise of their likeness: %d",
    (centre) => {
      const source = about(centre);
      const book = designCodebook(source, flips, "table");
      const { gain, offset, distortion } = unshrunkReading(book, source, flips);
      const read = conditionalMoments(
        book.table.map((v) => gain * v + offset),
        flips,
      ).mean;
      const codeOf = rangeEncoder(book.ranges);
      let [total, moved, along] = [0, 0, 0];
      source.values.forEach((x, i) => {
        const mass = source.masses[i]!;
        total += mass;
        moved += mass * (read[codeOf(x)]! - x);
        along += mass * x * (read[codeOf(x)]! - x);
      });
      expect(moved / total).toBeCloseTo(0, 9);
      // What is left along the weights is (s gain - 1) Var, with 1 / gain = 1 - (1 - s) Var.
      expect(along / total).toBeCloseTo((1 - gain) * centre ** 2, 9);
      expect(distortion).toBeLessThan(1.3 * book.distortion);
    },
  );
});

describe("refineCodebook", () => {
  // Max, "Quantizing for minimum distortion", 1960, table I: 4 and 8 levels.
  it.each([
    ["int2", 0.1175],
    ["int3", 0.03454],
  ])("is Lloyd and Max's quantiser where nothing flips: %s", (name, expected) => {
    const { values, bits } = numberFormat(name);
    const flips = symmetricFlips(0, bits);
    const book = refineCodebook(values, gaussian(), flips, bayesFit, 2000);
    expect(book.distortion / expected).toBeCloseTo(1, 2);
    // What a Bayes table loses, it loses by shrinking.
    expect(1 / unshrunkReading(book, gaussian(), flips).gain).toBeCloseTo(1 - book.distortion, 3);
  });

  it("never gets worse, and ends with a table that suits its ranges", () => {
    const flips = symmetricFlips(0.1, 5);
    const start = randomTable(6, 5);
    const errors = [0, 1, 2, 5, 20].map(
      (turns) => refineCodebook(start, gaussian(801), flips, bayesFit, turns).distortion,
    );
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
    expect(errors.at(-1)).toBeLessThan(errors[0]! / 2);
  });

  it("reads what cannot be received as zero", () => {
    const stored = { mass: Float64Array.of(0, 2, 0, 0), sum: Float64Array.of(0, 3, 0, 0) };
    expect([...bayesFit(stored, perBitFlips([0, 0.25], [0, 0.25]))]).toEqual([0, 1.5, 0, 1.5]);
  });

  it("fits the tables of the decoders bayes and linear-mmse", () => {
    const format = numberFormat("int8");
    const flips = protectBits(symmetricFlips(0.1, 8), topBitsMask(1, 8));
    const state = addressedStreams({ seed: 2, trial: 0, tensor: 0 }, 2)(0);
    const histogram = new Float64Array(256);
    for (let i = 0; i < 5000; i++) histogram[Math.round(20 * nextNormal(state)) & 255]! += 1;
    const stored = { mass: histogram, sum: histogram.map((n, c) => n * format.values[c]!) };
    for (const [kind, fit] of [
      ["bayes", bayesFit],
      ["linear-mmse", affineFit(format.values)],
    ] as const) {
      const { table } = decoder(kind, { format, flips, histogram });
      const own = fit(stored, flips);
      const error = (decode: Float64Array) =>
        errorMoments({ values: format.values, decode, flips, histogram });
      expect(error(own).meanSquareError).toBeCloseTo(error(table).meanSquareError, 6);
    }
  });
});

describe("designCodebook", () => {
  const source = gaussian(1001);

  it.each([0, 1, 3])(
    "lies between the distortion-rate bound and every plain code, %i bits protected",
    (m) => {
      const flips = protectBits(symmetricFlips(0.1, 8), topBitsMask(m, 8));
      const { distortion } = designCodebook(source, flips, "table");
      const entropy = -(0.1 * Math.log2(0.1) + 0.9 * Math.log2(0.9));
      expect(distortion).toBeGreaterThan(2 ** (-2 * (m + (8 - m) * (1 - entropy))));
      const free = designCodebook(source, flips, "free").distortion;
      expect(distortion).toBeLessThan(free);
      // Two's complement at the range of the weights, read by the best straight line.
      const histogram = new Float64Array(256);
      const { values } = numberFormat("int8");
      source.values.forEach((x, i) => (histogram[Math.round((x / 6) * 127) & 255]! += source.masses[i]!));
      const { table } = decoder("linear-mmse", { format: numberFormat("int8"), flips, histogram });
      const plain =
        errorMoments({ values, decode: table, flips, histogram }).meanSquareError * (6 / 127) ** 2;
      expect(free).toBeLessThan(plain);
    },
  );

  it("is no worse than any known code at any range, improved for fifteen turns", () => {
    const flips = perBitFlips([0, 0.02, 0.05, 0], [0.3, 0.1, 0.2, 0.25]);
    const starts = ["-gray", "-sign-magnitude", ""].flatMap((coding) => {
      const { values, largest } = numberFormat(`int4${coding}`);
      return [0.7, 1, 1.4, 2, 2.8].map((range) => values.map((v) => (v / largest) * range));
    });
    const improved = starts.map((start) => refineCodebook(start, source, flips, bayesFit, 15).distortion);
    const { distortion } = designCodebook(source, flips, "table");
    expect(distortion).toBeLessThanOrEqual(Math.min(...improved));
    // Which of them is best depends on the channel, and is not one of those that come first.
    expect(Math.min(...improved)).toBeLessThan(Math.min(...improved.slice(0, 3)));
  });

  it("gives straight lines where decoding is to be free", () => {
    const { values } = numberFormat("int6");
    const { table } = designCodebook(source, symmetricFlips(0.05, 6), "free");
    const slope = table[1]! - table[0]!;
    table.forEach((t, c) => expect(t).toBeCloseTo(table[0]! + slope * values[c]!, 9));
  });

  it("is what chips do to random weights", () => {
    const flips = symmetricFlips(0.1, 8);
    const { table, ranges, distortion } = designCodebook(source, flips, "table");
    const state = addressedStreams({ seed: 3, trial: 0, tensor: 0 }, 2)(0);
    const count = 200_000;
    const encode = rangeEncoder(ranges);
    const errors = Float64Array.from({ length: count }, () => {
      const w = nextNormal(state);
      let read = encode(w);
      for (let k = 0; k < 8; k++) if (nextUniform(state) < 0.1) read ^= 1 << k;
      return (table[read]! - w) ** 2;
    });
    const mean = errors.reduce((a, b) => a + b, 0) / count;
    const variance = errors.reduce((a, e) => a + (e - mean) ** 2, 0) / count;
    expect(Math.abs(mean - distortion)).toBeLessThan(4 * Math.sqrt(variance / count));
  });
});

describe("weightDistribution", () => {
  it("keeps the number of weights and their mean, in units of each weight's scale", () => {
    const weights = Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i) * (i % 2 === 0 ? 1 : 10));
    const { values, masses } = weightDistribution(weights, (i) => (i % 2 === 0 ? 1 : 10));
    const total = masses.reduce((a, b) => a + b, 0);
    const mean = values.reduce((sum, x, i) => sum + x * masses[i]!, 0) / total;
    expect(total).toBe(3000);
    expect(mean).toBeCloseTo(weights.reduce((sum, w, i) => sum + w / (i % 2 === 0 ? 1 : 10), 0) / 3000, 6);
    expect(Array.from(values)).toEqual([...values].sort((a, b) => a - b));
  });

  it("moves each weight by at most the width of a cell, and all of them by little", () => {
    const state = addressedStreams({ seed: 5, trial: 0, tensor: 0 }, 2)(0);
    const weights = Float32Array.from({ length: 3000 }, () => 4 + 0.1 * nextNormal(state));
    const scaleOf = (i: number) => (i % 2 === 0 ? 0.5 : 0.25);
    const scaled = Array.from(weights, (w, i) => w / scaleOf(i));
    const range = Math.max(...scaled) - Math.min(...scaled);
    const { values } = weightDistribution(weights, scaleOf);
    const moves = scaled.map((x) => Math.min(...Array.from(values, (v) => Math.abs(x - v))));
    // The edges of cells are rounded.
    expect(Math.max(...moves)).toBeLessThan((range / 2048) * (1 + 2 ** -30));
    expect(moves.reduce((sum, d) => sum + d * d, 0) / moves.length).toBeLessThan((range / 4096) ** 2);
  });

  it("holds weights that are all alike", () => {
    const { values, masses } = weightDistribution(Float32Array.of(0.5, 0.5));
    expect([Array.from(values), Array.from(masses)]).toEqual([[0.5], [2]]);
  });
});
