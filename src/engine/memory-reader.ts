/**
 * @file What a chip's memory yields under a protection: real faults in the stored codes, or Gaussian errors with the
 * mean and variance that the error law gives each stored code.
 */
import {
  addressedStreams,
  codeArray,
  conditionalMoments,
  decoder,
  codedMask,
  nextNormal,
  receiveInto,
  segmentFlips,
  segmentKey,
  type Codes,
  type FlipProbabilities,
  type ProtectionMode,
  type ProtectionSegment,
} from "../channel/index.ts";
import {
  openFaults,
  usualFaults,
  type DrawAddress,
  type FaultDescription,
  type TensorDamage,
} from "../faults/index.ts";
import {
  decodeInto,
  singleDecoder,
  storedHistogram,
  type DecodeSegment,
  type StoredTensor,
} from "../stored/index.ts";
import { heldFlips, isCoded, openCodes, segmentAt, type CodedFaults } from "./coded-memory.ts";

/** For each tensor of a memory: how its weights are protected and decoded. */
export type Protection = readonly (readonly ProtectionSegment[])[];

/**
 * Where errors come from. `faults`: bits flip in the stored codes. `gaussian`: each weight gets a Gaussian error with
 * the mean and the variance that the error law gives its stored code; no bit is flipped.
 */
export type ErrorSource = "faults" | "gaussian";

/** What a reader needs to know of the memory. */
export interface MemoryContent {
  readonly tensors: readonly StoredTensor[];
  /** Flip probabilities of each tensor's unprotected cells. */
  readonly flips: readonly FlipProbabilities[];
  /** Flip probabilities that the decoders were made for; those of the cells unless a plan meets another memory. */
  readonly designFlips: readonly FlipProbabilities[];
  readonly seed: number;
  /** How cells are damaged; `usualFaults` unless given. Gaussian errors know independent flips alone. */
  readonly faults?: FaultDescription;
  /** What becomes of protected bits that codes hold; `exact` unless given. */
  readonly protection?: ProtectionMode;
}

/** What is read of a chip. */
export interface MemoryRead {
  /** Weights in the order of the tensors; overwritten by the next read. */
  readonly weights: readonly Float32Array[];
  /** Whether a bit that is not protected flipped. If none did, the weights are those of a chip without faults. */
  readonly isHit: boolean;
}

/** Reads chips, one after the other. */
export interface MemoryReader {
  /** Draws the chip of this ordinal at one of its reads, the first unless given. */
  draw(chip: number, read?: number): void;
  /** Reads the chip last drawn. All protections of a chip meet the same draw. */
  read(protection: Protection): MemoryRead;
}

/** Decode segments of a tensor under a protection: the decoder's table for each of its segments. */
export function decodeSegments(
  tensor: StoredTensor,
  flips: FlipProbabilities,
  segments: readonly ProtectionSegment[],
): DecodeSegment[] {
  let histogram: Float64Array | undefined;
  return segments.map((segment) => {
    const { start, count, table } = segment;
    if (table !== undefined) return { start, count, table };
    histogram ??= storedHistogram(tensor);
    const input = { format: tensor.format, flips: segmentFlips(flips, segment), histogram };
    return { start, count, table: decoder(segment.decoder, input).table };
  });
}

/** Opens a reader of chips. */
export function openMemoryReader(content: MemoryContent, source: ErrorSource): MemoryReader {
  return source === "faults" ? faultReader(content) : gaussianReader(content);
}

/** Something worked out once for each tensor, mask and decoder; each time where a codebook takes the decoder's place. */
function bySegment<T>(make: (t: number, segment: ProtectionSegment) => T) {
  const known = new Map<string, T>();
  return (t: number, segment: ProtectionSegment): T => {
    if (segment.table !== undefined) return make(t, segment);
    const key = `${t}:${segmentKey(segment)}`;
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = make(t, segment)));
    return value;
  };
}

/** What a tensor's weights were last decoded to. */
interface Decoded {
  /** The segments; undefined before the first time. */
  segments: readonly ProtectionSegment[] | undefined;
  /** Decodes one weight by these segments. */
  decode: (weight: number, code: number) => number;
  /** Weights that differ from what the stored codes decode to; undefined when all may. */
  dirty: number[] | undefined;
}

const sameSegments = (a: readonly ProtectionSegment[], b: readonly ProtectionSegment[]) =>
  a === b ||
  (a.length === b.length &&
    a.every((own, i) => {
      const other = b[i]!;
      return (
        own.start === other.start &&
        own.count === other.count &&
        segmentKey(own) === segmentKey(other) &&
        sameTable(own.table, other.table)
      );
    }));

const sameTable = (a: ArrayLike<number> | undefined, b: ArrayLike<number> | undefined) =>
  a === b ||
  (a !== undefined && b !== undefined && Array.from(a).every((value, code) => Object.is(value, b[code])));

/** Protections whose codewords are kept. */
const mostCoded = 16;

function faultReader(content: MemoryContent): MemoryReader {
  const { tensors, flips, designFlips, seed, faults = usualFaults, protection: mode = "exact" } = content;
  const source = openFaults(
    tensors.map(({ codes, format }) => ({ codes, bits: format.bits })),
    flips,
    faults,
    seed,
  );
  let address: DrawAddress = { trial: 0, read: 0 };
  /** Faults of the cells, and as they are under the protection that is read. */
  let drawn: readonly TensorDamage[] = [];
  let chip: readonly TensorDamage[] = [];
  const known = new Map<string, CodedFaults>();
  const codesOf = (protection: Protection): CodedFaults => {
    const key = JSON.stringify(protection);
    const found = known.get(key) ?? openCodes(content, protection);
    if (known.size >= mostCoded && !known.has(key)) known.delete(known.keys().next().value!);
    known.set(key, found);
    return found;
  };
  /** Bits that faults never reach. */
  const sureMask = (segment: ProtectionSegment) =>
    mode === "ideal" ? segment.protectedMask : segment.protectedMask & ~codedMask(segment);
  const received: Codes[] = tensors.map((t) => codeArray(t.format.bits, t.count));
  const weights = tensors.map((t) => new Float32Array(t.count));
  const decoded = tensors.map((): Decoded => ({ segments: undefined, decode: () => NaN, dirty: undefined }));
  const tableOf = bySegment(
    (t, segment) => decodeSegments(tensors[t]!, designFlips[t]!, [segment])[0]!.table,
  );
  const tablesOf = (t: number, segments: readonly ProtectionSegment[]): DecodeSegment[] =>
    segments.map((s) => ({ start: s.start, count: s.count, table: tableOf(t, s) }));

  /** Reads all weights of a tensor. Returns whether an unprotected bit flipped. */
  const readAll = (t: number, segments: readonly ProtectionSegment[]): boolean => {
    const { codes } = tensors[t]!;
    const { patterns } = chip[t]!;
    let isHit = false;
    for (const segment of segments) {
      const { start, count } = segment;
      const sure = sureMask(segment);
      const end = start + count;
      const own = patterns.subarray(start, end);
      receiveInto(codes.subarray(start, end), own, sure, received[t]!.subarray(start, end));
      const isOpen = sure !== 2 ** tensors[t]!.format.bits - 1;
      isHit ||= isOpen && own.some((pattern) => (pattern & ~sure) !== 0);
    }
    decodeInto(tensors[t]!, tablesOf(t, segments), received[t]!, weights[t]!);
    Object.assign(decoded[t]!, { segments: undefined, dirty: undefined });
    return isHit;
  };

  /** Reads the weights that are hit, on top of what the stored codes decode to. */
  const readHits = (t: number, segments: readonly ProtectionSegment[], hits: Uint32Array): boolean => {
    const tensor = tensors[t]!;
    const own = decoded[t]!;
    const out = weights[t]!;
    if (own.segments === undefined || own.dirty === undefined || !sameSegments(own.segments, segments)) {
      const tables = tablesOf(t, segments);
      decodeInto(tensor, tables, tensor.codes, out);
      own.segments = segments;
      own.decode = singleDecoder(tensor, tables);
    } else {
      for (const weight of own.dirty) out[weight] = own.decode(weight, tensor.codes[weight]!);
    }
    const dirty: number[] = [];
    const { patterns } = chip[t]!;
    for (const weight of hits) {
      const open = patterns[weight]! & ~sureMask(segments[segmentAt(segments, weight)]!);
      if (open === 0) continue;
      out[weight] = own.decode(weight, tensor.codes[weight]! ^ open);
      dirty.push(weight);
    }
    own.dirty = dirty;
    return dirty.length > 0;
  };

  return {
    draw(trial, read = 0) {
      address = { trial, read };
      drawn = source.draw(address);
    },
    read(protection) {
      chip = isCoded(protection, mode) ? codesOf(protection).read(drawn, address) : drawn;
      let isHit = false;
      tensors.forEach((_, t) => {
        const hits = chip[t]!.touched;
        const segments = protection[t]!;
        const own = hits === undefined ? readAll(t, segments) : readHits(t, segments, hits);
        isHit ||= own;
      });
      return { weights, isHit };
    },
  };
}

/** Streams of Gaussian errors are independent of those of faults and of the Jacobian's probes. */
const gaussianPurpose = 6;

function gaussianReader({
  tensors,
  flips,
  designFlips,
  seed,
  protection: mode,
}: MemoryContent): MemoryReader {
  const white = tensors.map((t) => new Float32Array(t.count));
  const means = tensors.map((t) => new Float32Array(t.count));
  const deviations = tensors.map((t) => new Float32Array(t.count));
  const lawOf = bySegment((t, segment) => {
    const table = decodeSegments(tensors[t]!, designFlips[t]!, [segment])[0]!.table;
    const held = heldFlips(flips[t]!, segment, mode);
    const { mean, variance } = conditionalMoments(Float64Array.from(table), held);
    return { mean, deviation: variance.map(Math.sqrt) };
  });
  return {
    draw(chip) {
      white.forEach((numbers, t) => {
        const state = addressedStreams({ seed, trial: chip, tensor: t }, gaussianPurpose)(0);
        for (let i = 0; i < numbers.length; i++) numbers[i] = nextNormal(state);
      });
    },
    read(protection) {
      tensors.forEach((tensor, t) => {
        const tables = (pick: "mean" | "deviation") =>
          protection[t]!.map((s) => ({ start: s.start, count: s.count, table: lawOf(t, s)[pick] }));
        const [mean, deviation] = [means[t]!, deviations[t]!];
        decodeInto(tensor, tables("mean"), tensor.codes, mean);
        decodeInto({ ...tensor, zeroPoints: undefined }, tables("deviation"), tensor.codes, deviation);
        for (let i = 0; i < mean.length; i++) mean[i]! += deviation[i]! * white[t]![i]!;
      });
      return { weights: means, isHit: true };
    },
  };
}
