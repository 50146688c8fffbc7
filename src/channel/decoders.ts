/**
 * @file The five decoders as decode tables: what a received code is taken to mean.
 */

import { QtamlError } from "../errors.ts";
import { bitContrast, type FlipProbabilities } from "./flips.ts";
import type { NumberFormat } from "./format.ts";
import { conditionalMoments, receivedWeights } from "./butterfly.ts";
import { boundedTable, runawayLimit } from "./runaway.ts";
import { driftLine, histogramTotal, largestMagnitude, type StoredCodes } from "./moments.ts";

/** In order of what they may cost at inference; affine ones fold into scale and zero point. */
export const decoderKinds = ["none", "unbiased-affine", "linear-mmse", "unbiased", "bayes"] as const;

/** The kind of a decoder. */
export type DecoderKind = (typeof decoderKinds)[number];

/** A decode table, and the affine map that makes it where there is one. */
export interface Decoder {
  readonly kind: DecoderKind;
  /** [2^B] the decoded value of each received code, in units of the step. */
  readonly table: Float64Array;
  /** `table = slope * values + offset` (offset in units of the step): costs nothing at inference. */
  readonly affine?: { readonly slope: number; readonly offset: number };
  /** Whether `E[decoded | stored] = stored` for every code, not just on average over the tensor. */
  readonly unbiased: boolean;
}

/** What a decoder is built from. */
export interface DecoderInput {
  readonly format: NumberFormat;
  /** The channel after protection. */
  readonly flips: FlipProbabilities;
  /** [2^B] how many weights hold each code. */
  readonly histogram: Float64Array;
}

/**
 * One decoder. Received codes whose value is not finite (floats) stay so under the affine kinds and `none`, which have no
 * table to mend them with; `unbiased` and `bayes` give every received code a finite value. The affine kinds are fitted
 * to the weights that are not runaway (`runawayLimit`): a line through values 2^128 apart would fit no weight.
 * @throws QtamlError invalid-argument if no such decoder exists (a bit whose reading says nothing cannot be unbiased),
 * or as `errorMoments`.
 */
export function decoder(kind: DecoderKind, input: DecoderInput): Decoder {
  if (input.flips.p01.length !== input.format.bits) {
    throw new QtamlError(
      "invalid-argument",
      `Flip probabilities of ${input.flips.p01.length} bits do not fit format ${input.format.name} of ${input.format.bits} bits.`,
    );
  }
  histogramTotal(input.format.values, input.histogram);
  const { affine, table } = build[kind](input);
  let known: boolean | undefined;
  return {
    kind,
    table,
    ...(affine === undefined ? {} : { affine }),
    // Worked out when it is asked for: most decoders are made for their table alone.
    get unbiased() {
      return (known ??= isUnbiased(input.format.values, table, input.flips));
    },
  };
}

/** Whether a decoder exists for this input. @throws QtamlError as `decoder` does for other reasons */
export function decoderExists(kind: DecoderKind, input: DecoderInput): boolean {
  try {
    decoder(kind, input);
    return true;
  } catch (error) {
    if (error instanceof NoSuchDecoder) return false;
    throw error;
  }
}

/** All decoders that exist for this input, in the order of `decoderKinds`. */
export function decoders(input: DecoderInput): Decoder[] {
  return decoderKinds.flatMap((kind) => {
    try {
      return [decoder(kind, input)];
    } catch (error) {
      if (error instanceof NoSuchDecoder) return [];
      throw error;
    }
  });
}

class NoSuchDecoder extends QtamlError {
  constructor(message: string) {
    super("invalid-argument", message);
  }
}

interface Built {
  readonly table: Float64Array;
  readonly affine?: { readonly slope: number; readonly offset: number };
}

const affineTable = (values: Float64Array, slope: number, offset: number): Built => ({
  table: values.map((v) => slope * v + offset),
  affine: { slope, offset },
});

const build: Record<DecoderKind, (input: DecoderInput) => Built> = {
  none: ({ format }) => affineTable(format.values, 1, 0),

  /** Undoes the drift line: `(W~ + p Delta) / (1 - 2p)` where all bits flip alike. */
  "unbiased-affine": ({ format, flips, histogram }) => {
    const { values } = format;
    const decode = boundedTable(values, runawayLimit(format, histogram));
    const line = driftLine({ values, decode, flips, histogram });
    if (!(Math.abs(line.slope) > smallestContrast)) {
      throw new NoSuchDecoder(
        "No affine unbiased decoder exists: on average the value that is read does not depend on the one stored; protect more bits or choose another decoder.",
      );
    }
    return affineTable(values, 1 / line.slope, -line.offset / line.slope);
  },

  "linear-mmse": ({ format, flips, histogram }) => {
    const { values } = format;
    const decode = boundedTable(values, runawayLimit(format, histogram));
    const joint = jointMoments({ values, decode, flips, histogram });
    const { weight, meanStored, meanRead, varianceRead, covariance } = joint;
    const slope = weight > 0 && varianceRead > 0 ? covariance / varianceRead : 0;
    return affineTable(values, slope, meanStored - slope * meanRead);
  },

  /**
   * The only table t with `sum_r P(r|c) t[r] = v[c]`: the inverse of the channel, bit by bit, applied to v. For a
   * linear code this is `c0 + sum s_k (b~_k - p01_k) / lambda_k`. Values that are not finite are taken as 0 (NaN) or
   * +-largest, which leaves the others unbiased.
   */
  unbiased: ({ format, flips }) => {
    const table = format.values.map((v) =>
      Number.isFinite(v) ? v : Number.isNaN(v) ? 0 : Math.sign(v) * format.largest,
    );
    bitContrast(flips).forEach((contrast, k) => {
      if (!(Math.abs(contrast) > smallestContrast)) {
        throw new NoSuchDecoder(
          `No unbiased decoder exists: bit ${k} is read as 1 with the same probability whatever was stored; protect it or choose another decoder.`,
        );
      }
      for (let c = 0; c < table.length; c++) {
        if ((c >> k) & 1) continue;
        const zero = table[c]!;
        const one = table[c + 2 ** k]!;
        table[c] = ((1 - flips.p10[k]!) * zero - flips.p01[k]! * one) / contrast;
        table[c + 2 ** k] = ((1 - flips.p01[k]!) * one - flips.p10[k]! * zero) / contrast;
      }
    });
    return { table };
  },

  /** `E[v(c) | received]` with the histogram as prior; a received code that cannot occur keeps its own value. */
  bayes: ({ format: { values }, flips, histogram }) => {
    const stored = (of: (c: number) => number) =>
      receivedWeights(
        histogram.map((count, c) => (count > 0 ? count * of(c) : 0)),
        flips,
      );
    const mass = stored(() => 1);
    const moment = stored((c) => values[c]!);
    const own = (v: number) => (Number.isFinite(v) ? v : 0);
    return { table: moment.map((m, r) => (mass[r]! > 0 ? m / mass[r]! : own(values[r]!))) };
  },
};

/** Below this the division by a contrast or slope would be noise: 2^-40 is 2^12 roundings above 2^-52. */
const smallestContrast = 2 ** -40;

/** To 2^-36 of the table's largest entry: an unbiased table is large where the channel is nearly singular. */
function isUnbiased(values: Float64Array, table: Float64Array, flips: FlipProbabilities): boolean {
  const { mean, nonFinite } = conditionalMoments(table, flips);
  const scale = largestMagnitude(table);
  return values.every(
    (v, c) => !Number.isFinite(v) || (nonFinite[c] === 0 && Math.abs(mean[c]! - v) <= scale * 2 ** -36),
  );
}

/** Moments of (stored, read) over the tensor, given that the value read is finite. */
function jointMoments({ values, decode, flips, histogram }: StoredCodes) {
  const { mean, variance, nonFinite } = conditionalMoments(decode, flips);
  const shares = histogram.map((count, c) => (count > 0 ? count * (1 - nonFinite[c]!) : 0));
  const weight = shares.reduce((sum, w) => sum + w, 0);
  const average = (of: (c: number) => number) =>
    shares.reduce((sum, w, c) => (w > 0 ? sum + (w / weight) * of(c) : sum), 0);
  const meanStored = average((c) => values[c]!);
  const meanRead = average((c) => mean[c]!);
  return {
    weight,
    meanStored,
    meanRead,
    varianceRead: average((c) => variance[c]! + (mean[c]! - meanRead) ** 2),
    covariance: average((c) => (values[c]! - meanStored) * (mean[c]! - meanRead)),
  };
}
