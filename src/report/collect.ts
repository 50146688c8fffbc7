/**
 * @file From devices, tensors and plans to the plain data of a report's pictures.
 */
import {
  bitVarianceShares,
  boundedTable,
  decoder,
  driftLine,
  errorDistribution,
  errorMoments,
  extendedValues,
  flipSampler,
  protectBits,
  runawayLimit,
  type DecoderKind,
  type FlipProbabilities,
  type NumberFormat,
} from "../channel/index.ts";
import {
  barrierProfile,
  deviceFlips,
  evaluateDevice,
  thicknessCurve,
  totalThicknessNm,
  waveFunction,
  type Barrier,
  type Device,
} from "../physics/index.ts";
import { QtamlError } from "../errors.ts";
import type { PlanTensor } from "../protect/index.ts";
import { meanInterval } from "../stats/index.ts";
import type { BarrierPicture, DeviceSection, LawSection, ThicknessPicture, WideLawSection } from "./types.ts";

/** Margin of electrode drawn on either side, as a share of the barrier's thickness. */
const electrodeShare = 0.26;

/** A device's barrier. @throws QtamlError `invalid-argument` where there is none */
function barrierOf({ barrier }: Device): Barrier {
  if (barrier !== null) return barrier;
  throw new QtamlError(
    "invalid-argument",
    "The device has no barrier to draw: give a material and a thickness.",
  );
}

/** The barrier of a device as drawn. @throws QtamlError `invalid-argument` where there is none */
export function barrierPicture(device: Device): BarrierPicture {
  const barrier = barrierOf(device);
  const total = totalThicknessNm(barrier);
  const profile = barrierProfile(barrier, device.energyEv, electrodeShare * total);
  const wave = waveFunction(barrier, device.energyEv, 101);
  return {
    layers: profile.layers,
    xNm: Array.from(profile.xNm),
    edgeEv: Array.from(profile.edgeEv),
    energyEv: profile.energyEv,
    fermiEv: device.rate.model === "tsu-esaki" ? device.rate.fermiEv : null,
    anodeEdgeEv: profile.anodeEdgeEv,
    forbidden: profile.forbidden,
    wave: {
      xNm: Array.from(wave.xNm),
      log10Amplitude: Array.from(wave.logAmplitude, (log) => log / Math.LN10),
    },
  };
}

/** Smallest flip probability worth drawing. */
const smallestP = 1e-16;

/** One model's curve. */
function curveOf(
  device: Device,
  model: Device["transmission"],
  fromNm: number,
  toNm: number,
  points: number,
) {
  const curve = thicknessCurve(device, fromNm, toNm, points, model);
  return {
    model,
    thicknessNm: Array.from(curve.thicknessNm),
    p: Array.from(curve.p01, (p01, i) => (p01 + curve.p10[i]!) / 2),
  };
}

/** Thicknesses between which p falls from saturation to nothing, with the device's own among them. */
function interestingRange(device: Device, chosenNm: number): [fromNm: number, toNm: number] {
  const { thicknessNm, p } = curveOf(device, device.transmission, 0.7 * chosenNm, 1.35 * chosenNm, 41);
  const most = Math.max(...p);
  const falling = thicknessNm.filter((_, i) => p[i]! > smallestP && p[i]! < 0.97 * most);
  const within = [...falling, chosenNm];
  const [from, to] = [Math.min(...within), Math.max(...within)];
  const margin = Math.max(0.12 * (to - from), 0.03 * chosenNm);
  return [from - margin, to + margin];
}

/**
 * The curves of p against thickness around the device's own, by its own model, exactly and by WKB.
 *
 * @param points of each curve
 * @throws QtamlError `invalid-argument` for a device without a barrier
 */
export function thicknessPicture(device: Device, points = 61): ThicknessPicture {
  const chosenNm = totalThicknessNm(barrierOf(device));
  const { p01, p10 } = deviceFlips(device);
  const models = new Set([device.transmission, "exact", "wkb"] as const);
  const [from, to] = interestingRange(device, chosenNm);
  return {
    curves: Array.from(models, (model) => curveOf(device, model, from, to, points)),
    chosen: { thicknessNm: chosenNm, p: (p01 + p10) / 2 },
  };
}

/**
 * A device's part of a report.
 *
 * @param points of each curve of p against thickness
 */
export function deviceSection(device: Device, points?: number): DeviceSection {
  const flips = evaluateDevice(device);
  const name = device.name ?? device.cell;
  if (device.barrier === null) return { name, flips };
  const barrier = barrierPicture(device);
  if (device.direct !== null) return { name, flips, barrier };
  return { name, flips, barrier, thickness: thicknessPicture(device, points) };
}

/** A tensor whose error law is drawn. */
export interface LawRequest {
  readonly tensor: string;
  readonly format: NumberFormat;
  /** Quantisation step, in the weights' own units. */
  readonly step: number;
  /** [2^B] how many weights hold each code. */
  readonly histogram: Float64Array;
  readonly flips: FlipProbabilities;
  /** Bits that never flip; none unless given. */
  readonly protectedMask?: number;
  /** How a code is read; as it is stored unless told. */
  readonly reading?: DecoderKind;
  /** Weights drawn to check the law; 400,000 by default. */
  readonly draws?: number;
  readonly seed?: number;
}

/** Keeps these draws apart from those of campaigns with the same seed. */
const samplingPurpose = 0x5e9;
/** More distinct errors than this are drawn in bins. */
const mostErrors = 600;
const driftBins = 16;

/** Codes spread over a histogram as evenly as whole numbers allow. */
function representativeCodes(histogram: Float64Array, draws: number): Uint8Array {
  const total = histogram.reduce((a, b) => a + b, 0);
  const codes = new Uint8Array(draws);
  let code = 0;
  let passed = histogram[0]!;
  for (let i = 0; i < draws; i++) {
    const place = ((i + 0.5) * total) / draws;
    while (passed <= place && code < histogram.length - 1) passed += histogram[++code]!;
    codes[i] = code;
  }
  return codes;
}

/** [2^B * 2^B] how often each code was read for each stored one. */
function sampledChannel(request: LawRequest, flips: FlipProbabilities, draws: number): Float64Array {
  const size = request.histogram.length;
  const codes = representativeCodes(request.histogram, draws);
  const patterns = new Uint8Array(draws);
  const sampler = flipSampler(flips, { purpose: samplingPurpose });
  sampler.drawPatterns({ seed: request.seed ?? 0, trial: 0, tensor: 0 }, codes, patterns);
  const joint = new Float64Array(size * size);
  for (let i = 0; i < draws; i++) joint[codes[i]! * size + (codes[i]! ^ patterns[i]!)]!++;
  return joint;
}

/** How many draws had each error of a support. */
function sampledErrors(
  values: Float64Array,
  decode: Float64Array,
  joint: Float64Array,
  support: Float64Array,
): Float64Array {
  const places = new Map(Array.from(support, (error, i) => [error, i]));
  const counts = new Float64Array(support.length);
  const size = values.length;
  for (let c = 0; c < size; c++) {
    for (let r = 0; r < size; r++) {
      const seen = joint[c * size + r]!;
      const place = seen > 0 ? places.get(decode[r]! - values[c]!) : undefined;
      if (place !== undefined) counts[place]! += seen;
    }
  }
  return counts;
}

/** The error law in at most `mostErrors` values; longer ones are put into as many bins of equal width. */
function drawnErrors(
  support: Float64Array,
  probability: Float64Array,
  sampled: Float64Array,
): LawSection["errors"] {
  if (support.length <= mostErrors) {
    return {
      error: Array.from(support),
      probability: Array.from(probability),
      sampled: Array.from(sampled),
      binWidth: 0,
    };
  }
  const bins = 201;
  const reach = Math.max(-support[0]!, support.at(-1)!);
  const binWidth = (2 * reach) / bins;
  const [mass, counts] = [new Float64Array(bins), new Float64Array(bins)];
  for (const [i, error] of support.entries()) {
    const bin = Math.min(bins - 1, Math.floor((error + reach) / binWidth));
    mass[bin]! += probability[i]!;
    counts[bin]! += sampled[i]!;
  }
  const used = Array.from(mass.keys()).filter((i) => mass[i]! > 0);
  return {
    error: used.map((i) => (i + 0.5) * binWidth - reach),
    probability: used.map((i) => mass[i]!),
    sampled: used.map((i) => counts[i]!),
    binWidth,
  };
}

/** Means of what was read, over bins of what was stored. */
function sampledDrift(
  values: Float64Array,
  decode: Float64Array,
  joint: Float64Array,
): LawSection["drift"]["sampled"] {
  const size = values.length;
  const stored = Array.from(values.keys()).filter(
    (c) => Number.isFinite(values[c]!) && joint.subarray(c * size, (c + 1) * size).some((n) => n > 0),
  );
  const low = Math.min(...stored.map((c) => values[c]!));
  const high = Math.max(...stored.map((c) => values[c]!));
  const bins: number[][] = Array.from({ length: driftBins }, () => []);
  for (const c of stored) {
    const share = high > low ? (values[c]! - low) / (high - low) : 0;
    bins[Math.min(driftBins - 1, Math.floor(share * driftBins))]!.push(c);
  }
  return bins.flatMap((codes) => {
    let [count, sum, storedSum] = [0, 0, 0];
    const each = (visit: (seen: number, read: number, c: number) => void) => {
      for (const c of codes) {
        for (let r = 0; r < size; r++) {
          const seen = joint[c * size + r]!;
          if (seen > 0 && Number.isFinite(decode[r]!)) visit(seen, decode[r]!, c);
        }
      }
    };
    each((seen, read, c) => {
      count += seen;
      sum += seen * read;
      storedSum += seen * values[c]!;
    });
    if (count < 30) return [];
    const mean = sum / count;
    let m2 = 0;
    each((seen, read) => (m2 += seen * (read - mean) ** 2));
    const interval = meanInterval({ count, mean, m2 });
    return [{ stored: storedSum / count, read: mean, low: interval.low, high: interval.high }];
  });
}

/** The channel of a request after protection, and the table its codes are read by. */
function readingOf({ format, flips: open, histogram, protectedMask = 0, reading = "none" }: LawRequest) {
  const flips = protectBits(open, protectedMask);
  return { flips, decode: decoder(reading, { format, flips, histogram }).table };
}

/**
 * The error law of a tensor, with faults sampled as a check. Deterministic in its request.
 *
 * @throws QtamlError for an empty histogram or flip probabilities of another number of bits
 */
export function lawSection(request: LawRequest): LawSection {
  const { tensor, format, step, histogram, draws = 400_000 } = request;
  const { values } = format;
  const { flips, decode } = readingOf(request);
  const codes = { values, decode, flips, histogram };
  const { support, probability, nonFinite } = errorDistribution(codes);
  const line = driftLine(codes);
  const joint = sampledChannel(request, flips, draws);
  return {
    tensor,
    format: format.name,
    step,
    draws,
    errors: drawnErrors(support, probability, sampledErrors(values, decode, joint, support)),
    nonFinite,
    drift: {
      slope: line.slope,
      offset: line.offset,
      exact: line.exact,
      sampled: sampledDrift(values, decode, joint),
    },
    bitShares: Array.from(bitVarianceShares(decode, flips, histogram)),
  };
}

/**
 * The error law of a tensor whose codes are wider than a byte.
 *
 * @throws QtamlError for an empty histogram
 */
export function wideLawSection(request: LawRequest): WideLawSection {
  const { tensor, format, step, histogram } = request;
  const { values } = format;
  const { flips, decode: table } = readingOf(request);
  const decode = boundedTable(table, runawayLimit(format, histogram));
  const { variance, nonFinite: runaway } = errorMoments({ values, decode, flips, histogram });
  const { slope, offset } = driftLine({ values, decode, flips, histogram });
  return {
    tensor,
    format: format.name,
    step,
    nonFinite: errorMoments({ values, decode: table, flips, histogram }).nonFinite,
    runaway,
    drift: { slope, offset },
    deviation: Math.sqrt(variance),
    bitShares: Array.from(bitVarianceShares(extendedValues(format), flips, histogram)),
  };
}

/** [B] share of a tensor's weights whose bit k is protected, bit 0 first. */
export function protectedShares(tensor: PlanTensor): number[] {
  return tensor.p01.map((_, k) => {
    const held = tensor.segments.reduce(
      (sum, { count, protectedMask }) => sum + ((protectedMask >> k) & 1) * count,
      0,
    );
    return held / tensor.count;
  });
}
