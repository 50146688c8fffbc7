/** @file The error law of weights in a memory, with what every decoder leaves. */
import {
  asymmetricFlips,
  decoder,
  decoderKinds,
  errorMoments,
  numberFormat,
  protectBits,
  topBitsMask,
  type DecoderKind,
} from "../../src/channel/index.ts";
import { QtamlError } from "../../src/errors.ts";
import { lawSection, wideLawSection, type LawRequest } from "../../src/report/collect.ts";
import type { LawSection, WideLawSection } from "../../src/report/browser.ts";
import { weightHistogram, type WeightShape } from "./weights.ts";

/** Weights drawn to check the law: as many as a slider allows. */
export const draws = 20_000;

/** What the controls stand at. */
export interface LawSettings {
  /** Name of the number format. */
  readonly format: string;
  readonly shape: WeightShape;
  readonly p01: number;
  readonly p10: number;
  readonly reading: DecoderKind;
  /** Protected bits, from the most significant. */
  readonly top: number;
}

/** What one decoder leaves, in steps. */
export interface Reading {
  readonly kind: DecoderKind;
  readonly mean: number;
  readonly variance: number;
  /** Root mean square error. */
  readonly error: number;
}

/** A law. */
export interface Law {
  readonly bits: number;
  /** Of codes of at most a byte. */
  readonly section?: LawSection;
  /** Of wider ones. */
  readonly wide?: WideLawSection;
  /** Of all decoders that exist. */
  readonly moments: readonly Reading[];
}

/** Works a law out. @throws QtamlError where the chosen decoder does not exist */
export function lawOf({ format: name, shape, p01, p10, reading, top }: LawSettings): Law {
  const format = numberFormat(name);
  const { bits, values } = format;
  const histogram = weightHistogram(format, shape);
  const protectedMask = topBitsMask(top, bits);
  const request: LawRequest = {
    tensor: "these weights",
    format,
    step: 1,
    histogram,
    flips: asymmetricFlips(p01, p10, bits),
    protectedMask,
    reading,
    draws,
  };
  const flips = protectBits(request.flips, protectedMask);
  const moments = decoderKinds.flatMap((kind): Reading[] => {
    try {
      const { table } = decoder(kind, { format, flips, histogram });
      const { mean, variance, meanSquareError } = errorMoments({ values, decode: table, flips, histogram });
      return [{ kind, mean, variance, error: Math.sqrt(meanSquareError) }];
    } catch (error) {
      if (error instanceof QtamlError) return [];
      throw error;
    }
  });
  return bits > 8
    ? { bits, moments, wide: wideLawSection(request) }
    : { bits, moments, section: lawSection(request) };
}
