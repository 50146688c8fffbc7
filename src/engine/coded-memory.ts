/**
 * @file Faults behind codes: what decoders make of a chip's faults, word by word or bit by bit.
 */
import {
  codedMask,
  segmentFlips,
  type FlipProbabilities,
  type ProtectionMode,
  type ProtectionSegment,
} from "../channel/index.ts";
import { codeNamed, residualChannel, type BitChannel } from "../ecc/index.ts";
import {
  marginalFlips,
  openFaults,
  TensorDamage,
  usualFaults,
  type DrawAddress,
  type FaultDescription,
  type FaultSource,
} from "../faults/index.ts";
import type { StoredTensor } from "../stored/index.ts";
import { codedRegions, type CodedRegion } from "./codewords.ts";

/** The memory that codes are in. */
export interface CodedMemory {
  readonly tensors: readonly StoredTensor[];
  readonly flips: readonly FlipProbabilities[];
  readonly seed: number;
  readonly faults?: FaultDescription;
  /** `exact` unless given. */
  readonly protection?: ProtectionMode;
}

/** Turns the faults of a chip's cells into those that decoders leave. */
export interface CodedFaults {
  /**
   * @param chip faults of the cells of all weights
   * @returns the same with the bits that codes hold as they are read; overwritten by the next call
   */
  read(chip: readonly TensorDamage[], address: DrawAddress): readonly TensorDamage[];
}

const channels = new Map<string, BitChannel>();

/** The channel behind a code. */
function behind(code: string, { p01, p10 }: BitChannel): BitChannel {
  const key = `${code} ${p01} ${p10}`;
  const known = channels.get(key) ?? residualChannel(codeNamed(code), { p01, p10 });
  channels.set(key, known);
  return known;
}

/** The channel of a segment's bits, codes and all, behind cells that flip so. */
export function heldFlips(
  flips: FlipProbabilities,
  segment: Pick<ProtectionSegment, "protectedMask" | "codes">,
  mode: ProtectionMode = "exact",
): FlipProbabilities {
  if (mode === "ideal") return segmentFlips(flips, { protectedMask: segment.protectedMask });
  return segmentFlips(flips, segment, ({ code }, k) =>
    behind(code, { p01: flips.p01[k]!, p10: flips.p10[k]! }),
  );
}

/** Whether codes hold any bit that faults are to reach. */
export function isCoded(
  protection: readonly (readonly ProtectionSegment[])[],
  mode?: ProtectionMode,
): boolean {
  return mode !== "ideal" && protection.some((segments) => segments.some((s) => codedMask(s) !== 0));
}

/** Faults of check bits, and those that codes leave, are drawn under seeds of their own. */
const ownSeed = (seed: number, place: number) => (seed ^ (0x5eed_c0de + place)) >>> 0;

/** Opens what decoders make of faults. @throws QtamlError `invalid-argument` for a code that does not exist */
export function openCodes(
  memory: CodedMemory,
  protection: readonly (readonly ProtectionSegment[])[],
): CodedFaults {
  const { tensors, protection: mode = "exact" } = memory;
  const kept = tensors.map(({ codes, format }, t) =>
    protection[t]!.some((s) => codedMask(s) !== 0)
      ? new TensorDamage({ codes, bits: format.bits })
      : undefined,
  );
  const decode = mode === "residual" ? residualFaults(memory, protection) : decodedFaults(memory, protection);
  return {
    read(chip, address) {
      kept.forEach((own, t) => {
        if (own === undefined) return;
        own.clear();
        copyOpen(chip[t]!, own, protection[t]!);
      });
      decode(chip, address, kept);
      return kept.map((own, t) => own ?? chip[t]!);
    },
  };
}

/** Copies the faults of the bits that no code holds. */
function copyOpen(from: TensorDamage, to: TensorDamage, segments: readonly ProtectionSegment[]): void {
  const { touched, patterns } = from;
  if (touched === undefined) {
    const out = to.overwrite();
    for (const segment of segments) {
      const open = ~codedMask(segment);
      for (let i = segment.start; i < segment.start + segment.count; i++) out[i] = patterns[i]! & open;
    }
    return;
  }
  const open = segments.map((segment) => ~codedMask(segment));
  const own = patterns.slice(0, touched.length);
  touched.forEach((weight, i) => (own[i] = patterns[weight]! & open[segmentAt(segments, weight)]!));
  to.take({ indices: touched, patterns: own });
}

/** Ordinal of the segment that a weight lies in. @param segments in ascending order */
export function segmentAt(segments: readonly ProtectionSegment[], weight: number): number {
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { start, count } = segments[middle]!;
    if (start + count <= weight) low = middle + 1;
    else high = middle;
  }
  return low;
}

type Decode = (
  chip: readonly TensorDamage[],
  address: DrawAddress,
  out: readonly (TensorDamage | undefined)[],
) => void;

/** Bits that codes hold flip by themselves, each with the probability that its code leaves. */
function residualFaults(
  { tensors, flips, seed, faults = usualFaults }: CodedMemory,
  protection: readonly (readonly ProtectionSegment[])[],
): Decode {
  const parts = protection.flatMap((segments, t) =>
    segments.filter((s) => codedMask(s) !== 0).map((segment) => ({ t, segment })),
  );
  const source = openFaults(
    parts.map(({ t, segment: { start, count } }) => ({
      codes: tensors[t]!.codes.subarray(start, start + count),
      bits: tensors[t]!.format.bits,
    })),
    parts.map(({ t, segment }) => {
      const left = heldFlips(marginalFlips(flips[t]!, faults), segment);
      const isHeld = (k: number) => ((codedMask(segment) >> k) & 1) === 1;
      const only = (list: Float64Array) => list.map((p, k) => (isHeld(k) ? p : 0));
      return { p01: only(left.p01), p10: only(left.p10) };
    }),
    usualFaults,
    ownSeed(seed, 0),
  );
  return (_chip, address, out) => {
    const drawn = source.draw(address);
    for (const [i, { t, segment }] of parts.entries()) {
      const { touched, patterns } = drawn[i]!;
      const own = out[t]!;
      const add = (weight: number) => {
        let pattern = patterns[weight]!;
        patterns[weight] = 0;
        for (let k = 0; pattern !== 0; k++, pattern >>>= 1)
          if (pattern & 1) own.flip(segment.start + weight, k);
      };
      if (touched === undefined) for (let w = 0; w < patterns.length; w++) add(w);
      else for (const weight of touched) add(weight);
    }
  };
}

/** Codewords are hit in data and check bits and decoded. */
function decodedFaults(memory: CodedMemory, protection: readonly (readonly ProtectionSegment[])[]): Decode {
  const { tensors, flips, seed, faults = usualFaults } = memory;
  const regions = codedRegions(tensors, protection);
  const checks: FaultSource = openFaults(
    regions.map(({ checkBits }) => ({ codes: checkBits, bits: 1 })),
    regions.map((region) => checkFlips(region, flips)),
    faults,
    ownSeed(seed, 1),
  );
  return (chip, address, out) => {
    const hitChecks = checks.draw(address);
    for (const [r, region] of regions.entries()) {
      region.clear();
      region.hitChecks(hitChecks[r]!);
    }
    for (const [t, own] of out.entries()) {
      if (own === undefined) continue;
      const { touched, patterns } = chip[t]!;
      const segments = protection[t]!;
      if (touched === undefined) {
        for (const region of regions) region.hitTensor(t, patterns);
        continue;
      }
      const masks = segments.map(codedMask);
      for (const weight of touched) {
        const hit = patterns[weight]! & masks[segmentAt(segments, weight)]!;
        if (hit !== 0) for (const region of regions) region.hitWeight(t, weight, hit);
      }
    }
    for (const region of regions) {
      region.decode((t, weight, bit) => {
        out[t]!.flip(weight, bit);
      });
    }
  };
}

/** Check bits lie in cells like those of their data: the mean over these where bits differ. */
function checkFlips(
  { planes, dataBits }: CodedRegion,
  flips: readonly FlipProbabilities[],
): FlipProbabilities {
  const mean = (of: "p01" | "p10") =>
    Float64Array.of(
      planes.reduce((sum, { tensor, bit, count }) => sum + (count / dataBits) * flips[tensor]![of][bit]!, 0),
    );
  return { p01: mean("p01"), p10: mean("p10") };
}
