/** @file What a budget buys: the bits it protects, what is predicted to be left, and what a code for them costs. */
import type { ProtectionSegment } from "../channel/index.ts";
import { codeNamed, meanError, residualChannel, type BitChannel } from "../ecc/index.ts";
import {
  allocator,
  keptAccuracy,
  leastOverhead,
  protectionLadders,
  segmentsOf,
  storedBits,
  tensorNoise,
  weightVariance,
  type Allocation,
  type Allocator,
  type PolicyName,
} from "../protect/index.ts";
import type { Network } from "./snapshot.ts";

/** A way to spend a budget. */
export const explorerPolicies = ["tac", "uniform-msp", "magnitude", "random"] as const;

/** Its name. */
export type ExplorerPolicy = (typeof explorerPolicies)[number];

/** The policies that a network can be planned by: TAC needs its Jacobian. */
export function policiesOf({ memory }: Network): ExplorerPolicy[] {
  const isMeasured = memory.every((t) => t.stepSensitivity !== undefined);
  return explorerPolicies.filter((policy) => policy !== "tac" || isMeasured);
}

const allocators = new WeakMap<Network, Map<PolicyName, Allocator>>();

function allocatorOf(network: Network, policy: PolicyName): Allocator {
  const own = allocators.get(network) ?? new Map<PolicyName, Allocator>();
  allocators.set(network, own);
  const known = own.get(policy) ?? allocator(policy, network.memory);
  own.set(policy, known);
  return known;
}

/** A budget that was spent. */
export interface Spending {
  readonly allocation: Allocation;
  /** Protected bits over stored bits. */
  readonly overhead: number;
  /** Every tensor read as stored. */
  readonly segments: readonly (readonly ProtectionSegment[])[];
  /** [tensors][B] share of the weights whose bit is protected, bit 0 first. */
  readonly shares: readonly (readonly number[])[];
  /** [tensors] predicted mean squared output error; undefined without a Jacobian. */
  readonly noise: readonly number[] | undefined;
}

/** Spends a budget. @param overhead share of the stored bits, 0 to 1 */
export function spendBudget(network: Network, policy: ExplorerPolicy, overhead: number): Spending {
  const { memory } = network;
  const allocation = allocatorOf(network, policy).allocate(overhead);
  const segments = memory.map((tensor, t) => segmentsOf(tensor, allocation.tensors[t]!, "none"));
  const shares = memory.map(({ count, format }, t) => {
    const { mask, extraMask, extra } = allocation.tensors[t]!;
    return Array.from(
      { length: format.bits },
      (_, k) => (((mask >> k) & 1) * (count - extra) + ((extraMask >> k) & 1) * extra) / count,
    );
  });
  return {
    allocation,
    overhead: allocation.protectedBits / allocation.storedBits,
    segments,
    shares,
    noise: tensorNoise(memory, segments),
  };
}

/** Predicted share of the expected accuracy that a spending keeps; undefined where nothing is predicted. */
export function keptBy({ classifier }: Network, { segments }: Spending): number | undefined {
  return classifier === undefined ? undefined : keptAccuracy(classifier, segments);
}

/** About how many logits a prediction draws: whether it is a matter of milliseconds. */
export function predictionCost({ classifier }: Network): number {
  return classifier === undefined ? 0 : classifier.clean.confidences.length;
}

/** A tensor as a row of a table. */
export interface LayerRow {
  /** `g_l`: mean squared sensitivity of the outputs to one weight; undefined without inputs. */
  readonly sensitivity: number | undefined;
  /** Standard deviation of the error of an unprotected weight, in the weights' own units. */
  readonly deviation: number;
  /** Fall of the squared output error per bit, for the bit most worth protecting; undefined without inputs. */
  readonly score: number | undefined;
}

/** What is known of each tensor. */
export function layerRows({ memory, snapshot }: Network): LayerRow[] {
  const isMeasured = memory.every((t) => t.stepSensitivity !== undefined);
  const ladders = isMeasured ? protectionLadders(memory) : undefined;
  return memory.map((tensor, t) => {
    const { squaredNorm } = snapshot.tensors[t]!;
    return {
      sensitivity: squaredNorm === null ? undefined : squaredNorm / tensor.count,
      deviation: Math.sqrt(weightVariance(tensor, 0, "none") * tensor.meanSquareStep),
      score: ladders === undefined ? undefined : tensor.stepSensitivity! * (ladders[t]!.rungs[0]?.gain ?? 0),
    };
  });
}

/** Predicted share of the expected accuracy against overhead. */
export interface KeptCurve {
  readonly policy: ExplorerPolicy;
  readonly overhead: readonly number[];
  readonly kept: readonly number[];
}

/** What is predicted of a network at once for all budgets. */
export interface KeptCurves {
  readonly curves: readonly KeptCurve[];
  /** Least overheads that are predicted to keep the share, by policy. */
  readonly least: Readonly<Partial<Record<ExplorerPolicy, number>>>;
  readonly keep: number;
}

/** Budgets of the curves: every 2.5 % where networks need protection, then wider. */
export const curveBudgets: readonly number[] = [
  ...Array.from({ length: 21 }, (_, i) => i / 40),
  0.6,
  0.7,
  0.8,
  0.9,
  1,
];

/** The curves of TAC and Uniform-MSP, and of the policy that is looked at. */
export function keptCurves(network: Network, keep: number, policies: readonly ExplorerPolicy[]): KeptCurves {
  const { classifier } = network;
  if (classifier === undefined) return { curves: [], least: {}, keep };
  const curves = policies.map((policy) => {
    const spent = curveBudgets.map((budget) => spendBudget(network, policy, budget));
    return {
      policy,
      overhead: spent.map((s) => s.overhead),
      kept: spent.map((s) => keptBy(network, s)!),
    };
  });
  return {
    curves,
    least: Object.fromEntries(policies.map((policy) => [policy, leastOverhead(classifier, policy, keep)])),
    keep,
  };
}

/** Codes to hold protected bits with. */
export const explorerCodes = [
  "none",
  "secded(72,64)",
  "sec(38,32)",
  "bch(63,45,3)",
  "bch(63,30,6)",
  "repetition(3)",
  "repetition(5)",
] as const;

/** What a code for the protected bits costs and leaves. */
export interface CodeCost {
  /** Check bits of whole words over all protected bits. */
  readonly parityBits: number;
  /** The same over the stored bits. */
  readonly parityOverhead: number;
  /** Probability that a protected bit is still read wrong. */
  readonly residual: number;
  /** The same of an unprotected bit. */
  readonly raw: number;
}

const residuals = new Map<string, number>();

/** Mean channel of the unprotected cells. */
function meanChannel({ memory }: Network): BitChannel {
  let [bits, p01, p10] = [0, 0, 0];
  for (const { count, flips } of memory) {
    flips.p01.forEach((p, k) => {
      p01 += count * p;
      p10 += count * flips.p10[k]!;
    });
    bits += count * flips.p01.length;
  }
  return { p01: p01 / bits, p10: p10 / bits };
}

/**
 * What it costs to hold so many bits in a code, check bits lying in the same cells as data.
 *
 * @param code a name of `explorerCodes`; `none`: cells that do not fail, without parity
 */
export function codeCost(network: Network, code: string, protectedBits: number): CodeCost {
  const channel = meanChannel(network);
  const raw = meanError(channel);
  if (code === "none") return { parityBits: 0, parityOverhead: 0, residual: 0, raw };
  const { wordBits, dataBits } = codeNamed(code);
  const parityBits = Math.ceil(protectedBits / dataBits) * (wordBits - dataBits);
  const key = `${code} ${channel.p01} ${channel.p10}`;
  const residual = residuals.get(key) ?? meanError(residualChannel(codeNamed(code), channel));
  residuals.set(key, residual);
  return { parityBits, parityOverhead: parityBits / storedBits(network.memory), residual, raw };
}
