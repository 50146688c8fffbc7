/**
 * @file For one stored tensor: in which order its bits are worth protecting, and what is left of the error law after
 * each.
 */
import {
  boundedTable,
  decoder,
  errorMoments,
  extendedValues,
  protectBits,
  runawayLimit,
  variancesWithout,
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
 * Error variance of a weight in squared steps, averaged over the tensor's histogram. A result that is not finite
 * counts as the value that its code would have if its exponent were an ordinary one (`extendedValues`), so that no
 * protection gains by turning large errors into NaN.
 */
export function weightVariance(tensor: MemoryTensor, protectedMask: number, kind: DecoderKind): number {
  const { variances } = knownOf(tensor);
  const key = `${protectedMask}:${kind}`;
  let variance = variances.get(key);
  if (variance === undefined) {
    variance = enumerateVariance(tensor, protectedMask, kind);
    variances.set(key, variance);
  }
  return variance;
}

function enumerateVariance(tensor: MemoryTensor, protectedMask: number, kind: DecoderKind): number {
  const { format, histogram } = tensor;
  const flips = protectBits(tensor.flips, protectedMask);
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
): OrdinaryErrors {
  const { format, histogram } = tensor;
  const limit = runawayLimit(format, histogram);
  if (limit === Infinity) return { variance: weightVariance(tensor, protectedMask, kind), runaway: 0 };
  const { ordinary } = knownOf(tensor);
  const key = `${protectedMask}:${kind}`;
  let errors = ordinary.get(key);
  if (errors === undefined) {
    const flips = protectBits(tensor.flips, protectedMask);
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
 * The order in which a tensor's bits are worth protecting. Each rung takes the bit whose protection removes most
 * variance; rungs are joined until gains fall from rung to rung, so that a threshold on the gain is an optimum. For
 * linear codes and symmetric flips this is the most significant bit first with `gain_k = 4^k p(1-p)`; for floats the
 * exponent's highest bit, then what the stored exponents make of the others.
 */
export function protectionLadder(tensor: MemoryTensor): Ladder {
  const known = knownOf(tensor);
  known.ladder ??= buildLadder(tensor);
  return known.ladder;
}

/** A bit must remove this much more than a higher one to go first: more than rounding makes of equal bits. */
const tieTolerance = 2 ** -40;

/** The bit whose protection, beside those of a mask, leaves the least variance. */
function worstBit({ format, flips, histogram }: MemoryTensor, mask: number): number {
  const open = Array.from({ length: format.bits }, (_, k) => k).filter((k) => ((mask >> k) & 1) === 0);
  const left = new Map<number, number>();
  variancesWithout(extendedValues(format), flips, open, (bit, variance) => {
    let sum = 0;
    for (let c = 0; c < variance.length; c++) if (histogram[c]! > 0) sum += histogram[c]! * variance[c]!;
    left.set(bit, sum);
  });
  return open.reduceRight(
    (best, k) => (left.get(k)! < left.get(best)! * (1 - tieTolerance) ? k : best),
    open.at(-1)!,
  );
}

function buildLadder(tensor: MemoryTensor): Ladder {
  const bits = tensor.format.bits;
  const start = weightVariance(tensor, 0, "none");
  const single: { mask: number; variance: number }[] = [];
  let mask = 0;
  for (let step = 0; step < bits; step++) {
    mask |= 1 << worstBit(tensor, mask);
    single.push({ mask, variance: weightVariance(tensor, mask, "none") });
  }
  const rungs: Rung[] = [];
  for (const { mask: after, variance } of single) {
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
