/**
 * @file A network in a memory as the page gets it: what error laws and predictions need, and no weight.
 */
import { asymmetricFlips, numberFormat, perBitFlips, type FlipProbabilities } from "../channel/index.ts";
import {
  knownAnswers,
  type MeasuredClassifier,
  type MemoryTensor,
  type TensorSensitivity,
} from "../protect/index.ts";

/** A stored tensor. */
export interface TensorSnapshot {
  readonly name: string;
  /** What it is to the network: a weight, a bias. */
  readonly role: string;
  readonly operator: string;
  readonly shape: readonly number[];
  readonly count: number;
  /** Name of its number format, of B bits. */
  readonly format: string;
  /** Codes that occur and how many weights hold each: base64 of pairs of little-endian 32-bit numbers. */
  readonly histogram: string;
  /** [B] flip probabilities that the server was started with, bit 0 first. */
  readonly p01: readonly number[];
  readonly p10: readonly number[];
  readonly meanSquareStep: number;
  /** `g_l Delta_l^2`; null without inputs. */
  readonly stepSensitivity: number | null;
  /** `||J_l||_F^2` and its relative standard error; null without inputs. */
  readonly squaredNorm: number | null;
  readonly relativeError: number | null;
  /** [samples] of the Jacobian; null without inputs. */
  readonly sampleContrastNorms: readonly number[] | null;
}

/** A network in a memory. */
export interface NetworkSnapshot {
  readonly model: { readonly name: string; readonly sha256: string };
  /** In network order. */
  readonly tensors: readonly TensorSnapshot[];
  /** Clean logits of the samples that the Jacobian was measured on, where they are answers. */
  readonly logits: { readonly classes: number; readonly values: readonly number[] } | null;
  /** Samples that chips can be judged on, and whether they have labels; null without data. */
  readonly data: { readonly samples: number; readonly isLabelled: boolean } | null;
}

/** Flip probabilities that replace those the server was started with: of every bit, by what it holds. */
export interface FlipChoice {
  readonly p01: number;
  readonly p10: number;
}

/** A network as the page computes with it. */
export interface Network {
  readonly snapshot: NetworkSnapshot;
  readonly memory: readonly MemoryTensor[];
  /** Undefined where nothing can be predicted of its answers. */
  readonly classifier: MeasuredClassifier | undefined;
}

/** A histogram as text: places and counts of what occurs, as a few of 65536 codes may. @param counts whole numbers below 2^32 */
export function encodeCounts(counts: ArrayLike<number>): string {
  const places = Array.from({ length: counts.length }, (_, i) => i).filter((i) => counts[i] !== 0);
  const bytes = new Uint8Array(8 * places.length);
  const view = new DataView(bytes.buffer);
  places.forEach((place, i) => {
    view.setUint32(8 * i, place, true);
    view.setUint32(8 * i + 4, counts[place]!, true);
  });
  let text = "";
  // Arguments of a call are limited in number.
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** A histogram of so many places from text. */
export function decodeCounts(text: string, size: number): Float64Array {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const counts = new Float64Array(size);
  for (let i = 0; i < bytes.length; i += 8) counts[view.getUint32(i, true)] = view.getUint32(i + 4, true);
  return counts;
}

const histograms = new WeakMap<TensorSnapshot, Float64Array>();

/** A tensor's histogram, decoded once. */
function histogramOf(tensor: TensorSnapshot): Float64Array {
  const known = histograms.get(tensor) ?? decodeCounts(tensor.histogram, 2 ** tensor.p01.length);
  histograms.set(tensor, known);
  return known;
}

/** The same law, one object for equal ones: tensors that share it share what is worked out of it. */
function shared(
  make: (tensor: TensorSnapshot) => FlipProbabilities,
  keyOf: (tensor: TensorSnapshot) => string,
) {
  const known = new Map<string, FlipProbabilities>();
  return (tensor: TensorSnapshot) => {
    const key = keyOf(tensor);
    const law = known.get(key) ?? make(tensor);
    known.set(key, law);
    return law;
  };
}

/**
 * Opens a snapshot under flip probabilities.
 *
 * @param flips those the server was started with unless given
 */
export function openNetwork(snapshot: NetworkSnapshot, flips?: FlipChoice): Network {
  const law =
    flips === undefined
      ? shared(
          ({ p01, p10 }) => perBitFlips(p01, p10),
          ({ p01, p10 }) => JSON.stringify([p01, p10]),
        )
      : shared(
          ({ p01 }) => asymmetricFlips(flips.p01, flips.p10, p01.length),
          ({ p01 }) => String(p01.length),
        );
  const memory = snapshot.tensors.map((tensor): MemoryTensor => ({
    name: tensor.name,
    count: tensor.count,
    format: numberFormat(tensor.format),
    histogram: histogramOf(tensor),
    flips: law(tensor),
    meanSquareStep: tensor.meanSquareStep,
    stepSensitivity: tensor.stepSensitivity ?? undefined,
  }));
  return { snapshot, memory, classifier: classifierOf(snapshot, memory) };
}

const answers = new WeakMap<NetworkSnapshot, ReturnType<typeof knownAnswers>>();

function classifierOf(
  snapshot: NetworkSnapshot,
  memory: readonly MemoryTensor[],
): MeasuredClassifier | undefined {
  const { logits, tensors } = snapshot;
  if (logits === null) return undefined;
  const sensitivities: TensorSensitivity[] = [];
  for (const { squaredNorm, sampleContrastNorms } of tensors) {
    if (squaredNorm === null || sampleContrastNorms === null) return undefined;
    sensitivities.push({ squaredNorm, sampleContrastNorms });
  }
  let known = answers.get(snapshot);
  if (known === undefined) {
    known = knownAnswers({ values: Float32Array.from(logits.values), classes: logits.classes });
    answers.set(snapshot, known);
  }
  return { memory, sensitivities, ...known };
}
