/**
 * @file For one stored tensor: in which order its bits are worth protecting, and what is left of the error law after
 * each.
 */
import {
  boundedTable,
  decoder,
  errorMoments,
  extendedValues,
  reachableCodes,
  runawayLimit,
  tableOver,
  variancesWithout,
  segmentFlips,
  segmentKey,
  type CodedBits,
  type DecoderKind,
  type FlipProbabilities,
  type NumberFormat,
} from "../channel/index.ts";

/** How many bits of a mask are set. */
export function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest > 0; rest &= rest - 1) count++;
  return count;
}

/** What protection needs to know of a stored tensor. */
export interface MemoryTensor {
  readonly name: string;
  /** Number of weights, `n_l`. */
  readonly count: number;
  readonly format: NumberFormat;
  /** [2^B] how many weights hold each code. */
  readonly histogram: Float64Array;
  /** The channel of its unprotected cells. */
  readonly flips: FlipProbabilities;
  /** Mean of the squared quantisation step over the weights, `Delta_l^2`. */
  readonly meanSquareStep: number;
  /**
   * Mean squared output error per squared step of error in one weight: `g_l Delta_l^2`, averaged over the weights
   * when channels have steps of their own. Undefined when the Jacobian was not measured.
   */
  readonly stepSensitivity: number | undefined;
}

/** A rung: protect these bits as well, and that much error variance of a weight goes away. */
export interface Rung {
  /** Bits protected after this rung. */
  readonly mask: number;
  /** Bits this rung adds per weight: one, or more where a single bit brings less than the next. */
  readonly bits: number;
  /** Error variance of a weight after this rung, in squared steps. */
  readonly variance: number;
  /** Fall of the variance per added bit. */
  readonly gain: number;
}

/** What has been worked out for a tensor; tensors are never changed, and plans ask the same again and again. */
interface Known {
  readonly variances: Map<string, number>;
  readonly ordinary: Map<string, OrdinaryErrors>;
  used?: Uint16Array;
  ladder?: Ladder;
}

const knownTensors = new WeakMap<MemoryTensor, Known>();

function knownOf(tensor: MemoryTensor): Known {
  let known = knownTensors.get(tensor);
  if (known === undefined) {
    known = { variances: new Map(), ordinary: new Map() };
    knownTensors.set(tensor, known);
  }
  return known;
}

/**
 * Error variance of a weight in squared steps, averaged over the tensor's histogram; `codes` hold some of the protected bits. A result that is not finite
 * counts as the value that its code would have if its exponent were an ordinary one (`extendedValues`), so that no
 * protection gains by turning large errors into NaN.
 */
export function weightVariance(
  tensor: MemoryTensor,
  protectedMask: number,
  kind: DecoderKind,
  codes?: readonly CodedBits[],
): number {
  const { variances } = knownOf(tensor);
  const key = segmentKey({ protectedMask, decoder: kind, codes });
  let variance = variances.get(key);
  if (variance === undefined) {
    variance = enumerateVariance(tensor, segmentFlips(tensor.flips, { protectedMask, codes }), kind);
    variances.set(key, variance);
  }
  return variance;
}

function enumerateVariance(tensor: MemoryTensor, flips: FlipProbabilities, kind: DecoderKind): number {
  const { format, histogram } = tensor;
  const decode = extendedTable(tensor, flips, kind);
  return errorMoments({ values: format.values, decode, flips, histogram }).variance;
}

/** The decode table of a decoder, with finite values for all codes. */
function extendedTable({ format, histogram }: MemoryTensor, flips: FlipProbabilities, kind: DecoderKind) {
  const values = extendedValues(format);
  if (kind === "none") return values;
  const { table, affine } = decoder(kind, { format, flips, histogram });
  return affine === undefined ? table : values.map((v) => affine.slope * v + affine.offset);
}

/** What happens to a weight that does not run away, and how often one does. */
export interface OrdinaryErrors {
  /** Error variance of a weight that is not runaway, in squared steps. */
  readonly variance: number;
  /** Probability that a weight is read as NaN, infinite, or beyond `runawayLimit`. */
  readonly runaway: number;
}

/** The errors of a tensor's weights, with runaway ones as an outcome of their own; only unscaled formats have them. */
export function ordinaryErrors(
  tensor: MemoryTensor,
  protectedMask: number,
  kind: DecoderKind,
  codes?: readonly CodedBits[],
): OrdinaryErrors {
  const { format, histogram } = tensor;
  const limit = runawayLimit(format, histogram);
  if (limit === Infinity) return { variance: weightVariance(tensor, protectedMask, kind, codes), runaway: 0 };
  const { ordinary } = knownOf(tensor);
  const key = segmentKey({ protectedMask, decoder: kind, codes });
  let errors = ordinary.get(key);
  if (errors === undefined) {
    const flips = segmentFlips(tensor.flips, { protectedMask, codes });
    const decode = boundedTable(extendedTable(tensor, flips, kind), limit);
    const { variance, nonFinite } = errorMoments({ values: format.values, decode, flips, histogram });
    errors = { variance, runaway: nonFinite };
    ordinary.set(key, errors);
  }
  return errors;
}

/** Error variance with nothing protected and the ladder down to everything protected. */
export interface Ladder {
  readonly start: number;
  readonly rungs: readonly Rung[];
}

/**
 * The order in which each tensor's bits are worth protecting. Each rung takes the bit whose protection removes most
 * variance; rungs are joined until gains fall from rung to rung, so that a threshold on the gain is an optimum. For
 * linear codes and symmetric flips this is the most significant bit first with `gain_k = 4^k p(1-p)`; for floats the
 * exponent's highest bit, then what the stored exponents make of the others.
 *
 * Tensors that share the objects of their format and flips climb together: what a table over 16-bit codes costs is
 * then paid once for all that have the same bits protected.
 */
export function protectionLadders(tensors: readonly MemoryTensor[]): Ladder[] {
  const unknown = tensors.filter((tensor) => knownOf(tensor).ladder === undefined);
  for (const alike of Map.groupBy(unknown, (t) => t.flips).values())
    for (const group of Map.groupBy(alike, (t) => t.format).values()) climb(group);
  return tensors.map((tensor) => knownOf(tensor).ladder!);
}

/** `protectionLadders` of one tensor. */
export function protectionLadder(tensor: MemoryTensor): Ladder {
  return protectionLadders([tensor])[0]!;
}

/** A bit must remove this much more than a higher one to go first: more than rounding makes of equal bits. */
const tieTolerance = 2 ** -40;

/** The codes that a tensor stores. */
function usedCodes(tensor: MemoryTensor): Uint16Array {
  const known = knownOf(tensor);
  if (known.used === undefined) {
    const { histogram } = tensor;
    const used = new Uint16Array(histogram.length);
    let size = 0;
    for (let c = 0; c < histogram.length; c++) if (histogram[c]! > 0) used[size++] = c;
    known.used = used.slice(0, size);
  }
  return known.used;
}

/** One bit more, and what is left. */
interface Step {
  readonly mask: number;
  readonly variance: number;
}

/** For tensors of one format behind one channel: the bit whose protection, beside those of a mask, leaves the least. */
function nextSteps(tensors: readonly MemoryTensor[], mask: number): Step[] {
  const { format, flips } = tensors[0]!;
  const open = Array.from({ length: format.bits }, (_, k) => k).filter((k) => ((mask >> k) & 1) === 0);
  const histograms = tensors.map((t) => t.histogram);
  const { codes, place, flips: openFlips } = reachableCodes(histograms, flips, open);
  const stored = tensors.map((tensor) => {
    const used = usedCodes(tensor);
    const counts = tableOver(used, tensor.histogram);
    return { counts, total: counts.reduce((a, b) => a + b, 0), places: used.map((c) => place[c]!) };
  });
  const left = tensors.map(() => new Float64Array(open.length));
  variancesWithout(tableOver(codes, extendedValues(format)), openFlips, [...open.keys()], (i, variance) => {
    for (const [t, { counts, total, places }] of stored.entries()) {
      let sum = 0;
      for (let u = 0; u < counts.length; u++) sum += counts[u]! * variance[places[u]!]!;
      left[t]![i] = sum / total;
    }
  });
  return left.map((sums) => {
    const best = sums.reduceRight(
      (b, sum, i) => (sum < sums[b]! * (1 - tieTolerance) ? i : b),
      open.length - 1,
    );
    return { mask: mask | (1 << open[best]!), variance: sums[best]! };
  });
}

/** The ladders of tensors of one format behind one channel. */
function climb(tensors: readonly MemoryTensor[]): void {
  const paths = tensors.map((tensor) => ({
    tensor,
    start: weightVariance(tensor, 0, "none"),
    steps: [] as Step[],
  }));
  for (let step = 0; step < tensors[0]!.format.bits; step++) {
    for (const [mask, here] of Map.groupBy(paths, ({ steps }) => steps.at(-1)?.mask ?? 0)) {
      const found = nextSteps(
        here.map((path) => path.tensor),
        mask,
      );
      here.forEach(({ steps }, i) => steps.push(found[i]!));
    }
  }
  for (const { tensor, start, steps } of paths) knownOf(tensor).ladder = joinSteps(start, steps);
}

function joinSteps(start: number, steps: readonly Step[]): Ladder {
  const rungs: Rung[] = [];
  for (const { mask: after, variance } of steps) {
    let rung: Rung = { mask: after, bits: 1, variance, gain: (rungs.at(-1)?.variance ?? start) - variance };
    for (let last = rungs.at(-1); last !== undefined && rung.gain > last.gain; last = rungs.at(-1)) {
      rungs.pop();
      const joined = last.bits + rung.bits;
      rung = {
        mask: after,
        bits: joined,
        variance,
        gain: (last.gain * last.bits + rung.gain * rung.bits) / joined,
      };
    }
    rungs.push(rung);
  }
  return { start, rungs };
}
