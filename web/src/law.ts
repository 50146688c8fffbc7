/** @file The error law of weights in a memory, with what every decoder leaves. */
import { useEffect, useMemo, useState } from "preact/hooks";
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
import { ask } from "./ask.ts";
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

interface Found {
  readonly law?: Law;
  readonly message?: string;
}

function findLaw(settings: LawSettings): Found {
  try {
    return { law: lawOf(settings) };
  } catch (error) {
    if (error instanceof QtamlError) return { message: error.message };
    throw error;
  }
}

/** The law of some settings: at once for narrow codes, from the worker for wide ones. */
export function useLaw(settings: LawSettings): Found & { readonly isBusy: boolean } {
  const key = JSON.stringify(settings);
  const isWide = numberFormat(settings.format).bits > 8;
  const narrow = useMemo(() => (isWide ? undefined : findLaw(settings)), [key]);
  const [wide, setWide] = useState<(Found & { readonly key: string }) | undefined>();
  useEffect(() => {
    if (!isWide) return;
    ask({ kind: "law", settings }).then(
      (value) => value !== undefined && setWide({ law: value as Law, key }),
      (error: Error) => setWide({ message: error.message, key }),
    );
  }, [key]);
  if (narrow !== undefined) return { ...narrow, isBusy: false };
  const isBusy = wide?.key !== key;
  return isBusy && wide?.law?.bits !== numberFormat(settings.format).bits ? { isBusy } : { ...wide, isBusy };
}
