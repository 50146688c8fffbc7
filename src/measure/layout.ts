/**
 * @file Where the classes of an output lie, what scale it has, and what it answers. Ours, not the runtime's, so that
 * ties and non-finite outputs have one rule.
 */
import { QtamlError } from "../errors.ts";
import type { Outputs, OutputScale, Reference } from "./measure.ts";

/** Output dimensions as [outer, channels, inner], the channels being the classes. */
export interface ClassLayout {
  readonly outer: number;
  /** Outputs a place: 1 for a binary classifier with one logit or one probability. */
  readonly channels: number;
  readonly inner: number;
  /** `outer * inner`: how many answers a sample has, 1 for the class of a whole sample. */
  readonly places: number;
  /** Classes: the channels, or 2 where there is one. */
  readonly classes: number;
}

const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

function layoutAt(dims: readonly number[], axis: number): ClassLayout {
  const [outer, inner] = [product(dims.slice(0, axis)), product(dims.slice(axis + 1))];
  const channels = dims[axis]!;
  return { outer, channels, inner, places: outer * inner, classes: Math.max(channels, 2) };
}

/** Whether dimensions are equal but for axes of size one. */
const sameDims = (a: readonly number[], b: readonly number[]) =>
  a.filter((d) => d !== 1).join() === b.filter((d) => d !== 1).join();

/** Dimensions as people write them. */
export const shapeText = (dims: readonly number[]): string => `[${dims.join(", ")}]`;

/** The layout of outputs that fits labels for a sample or for each of its places; undefined when none does. */
function layoutFor(dims: readonly number[], labelDims: readonly number[]): ClassLayout | undefined {
  if (product(labelDims) === 1) {
    return dims.filter((d) => d > 1).length <= 1 ? layoutAt([product(dims)], 0) : undefined;
  }
  const axes = [0, dims.length - 1, ...dims.keys()];
  const axis = axes.find((i) => sameDims(dims.toSpliced(i, 1), labelDims));
  if (axis !== undefined) return layoutAt(dims, axis);
  return sameDims(dims, labelDims) ? layoutAt([...dims, 1], dims.length) : undefined;
}

/**
 * Where the classes lie. With one class a sample: the only axis that is longer than 1. With labels for each place: the
 * axis without which the output has the labels' dimensions, the first axis, the last or another, in this order; none
 * where the dimensions are equal (binary).
 *
 * @param labelDims dimensions of one sample's classes
 * @throws QtamlError `data-mismatch` when outputs and labels do not fit
 */
export function classLayout(dims: readonly number[], labelDims: readonly number[]): ClassLayout {
  const layout = layoutFor(dims, labelDims);
  if (layout !== undefined) return layout;
  throw new QtamlError(
    "data-mismatch",
    product(labelDims) === 1
      ? `The model's output has shape ${shapeText(dims)} for each sample, but the labels are one class a sample; give labels for each place of the output, or choose a measure of outputs such as --measure snr.`
      : `The labels of a sample have shape ${shapeText(labelDims)}, which is not the output's shape ${shapeText(dims)} without its class axis; give labels of the output's size.`,
  );
}

/** Where the classes lie without labels: the only axis longer than 1, else the last of two axes and the first of more. */
function unlabelledLayout(dims: readonly number[]): ClassLayout {
  return layoutFor(dims, []) ?? layoutAt(dims, dims.length === 2 ? 1 : 0);
}

/** How far the probabilities of a place may add up to something else than 1. */
const sumTolerance = 1e-3;

/**
 * What the clean outputs are, from their values: probabilities when all finite places of all samples lie in [0, 1]
 * and, with two classes or more, add up to 1 within 1e-3; logits otherwise.
 */
export function outputScale({ count, values }: Outputs, layout: ClassLayout): OutputScale {
  const { outer, channels, inner } = layout;
  for (let block = 0; block < count * outer; block++) {
    for (let i = 0; i < inner; i++) {
      const base = block * channels * inner + i;
      let sum = 0;
      let isInside = true;
      for (let c = 0; c < channels; c++) {
        const value = values[base + c * inner]!;
        sum += value;
        isInside &&= value >= 0 && value <= 1;
      }
      if (!Number.isFinite(sum)) continue;
      if (!isInside || (channels > 1 && Math.abs(sum - 1) > sumTolerance)) return "logits";
    }
  }
  return "probabilities";
}

/** A classifier's outputs: where the classes lie and what the values are. */
export interface ClassOutputs {
  readonly layout: ClassLayout;
  readonly scale: OutputScale;
}

const scaled = ({ clean, scale }: Reference, layout: ClassLayout): ClassOutputs => ({
  layout,
  scale: scale ?? outputScale(clean, layout),
});

/** Label of pixels that are not judged, unless told otherwise or the model has such a class. */
export const usualIgnoreLabel = 255;

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! > most && values[i]! < Infinity) most = values[i]!;
  return most;
}

/** Class numbers as outputs: a place each, and as many classes as occur in the clean answers and the labels. */
function numberedClasses({ clean, labels }: Reference): ClassOutputs {
  const places = product(clean.dims);
  const answered = largest(clean.values);
  const judged = Array.from(labels?.data ?? []).filter(
    (label) => label !== usualIgnoreLabel || answered >= usualIgnoreLabel,
  );
  const classes = 1 + Math.max(answered, largest(judged));
  return { layout: { outer: places, channels: 1, inner: 1, places, classes }, scale: "classes" };
}

/** @throws QtamlError `data-mismatch` when labels and outputs do not fit */
export function classOutputs(reference: Reference, labelDims: readonly number[]): ClassOutputs {
  const { clean, scale } = reference;
  if (scale !== "classes") return scaled(reference, classLayout(clean.dims, labelDims));
  if (sameDims(clean.dims, labelDims)) return numberedClasses(reference);
  throw new QtamlError(
    "data-mismatch",
    `The model answers with class numbers of shape ${shapeText(clean.dims)} for each sample, but the labels have shape ${shapeText(labelDims)}; give labels of the same shape.`,
  );
}

/** @throws QtamlError `data-mismatch` when the outputs are class numbers */
export function requireScores({ scale }: ClassOutputs, measure: string): void {
  if (scale !== "classes") return;
  throw new QtamlError(
    "data-mismatch",
    `The model answers with class numbers, and measure ${measure} needs an output for each class; judge by --measure top-1 or agreement, or name an output with scores by --output-name.`,
  );
}

/** The outputs as answers where no label is needed; labels that fit still tell where the classes lie. */
export function unlabelledOutputs(reference: Reference): ClassOutputs {
  const { clean, labels, scale } = reference;
  if (scale === "classes") return numberedClasses(reference);
  const fitting = labels?.data instanceof Int32Array ? layoutFor(clean.dims, labels.dims) : undefined;
  return scaled(reference, fitting ?? unlabelledLayout(clean.dims));
}

/** The answer of a place with a NaN or an infinity among its outputs; it counts as wrong. */
export const nonFiniteAnswer = -1;

/**
 * The class of each place of one sample: its largest output, the first one of equals, `nonFiniteAnswer` where one is
 * not finite. One output answers 1 above the threshold (0 for a logit, 0.5 for a probability) and 0 otherwise. A class
 * number is the answer.
 *
 * @param values outputs of one sample
 */
export function topClasses({ layout, scale }: ClassOutputs, values: Float32Array): Int32Array {
  const { outer, channels, inner, places } = layout;
  const answers = new Int32Array(places);
  if (scale === "classes") return answers.map((_, p) => (values[p]! >= 0 ? values[p]! : nonFiniteAnswer));
  if (channels === 1) {
    const threshold = scale === "logits" ? 0 : 0.5;
    for (let p = 0; p < places; p++) {
      const value = values[p]!;
      answers[p] = value - value !== 0 ? nonFiniteAnswer : Number(value > threshold);
    }
    return answers;
  }
  const best = new Float32Array(inner);
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const base = (o * channels + c) * inner;
      for (let i = 0; i < inner; i++) {
        const value = values[base + i]!;
        const place = o * inner + i;
        if (value - value !== 0) answers[place] = nonFiniteAnswer;
        else if (c === 0 || (answers[place] !== nonFiniteAnswer && value > best[i]!)) {
          best[i] = value;
          answers[place] = c;
        }
      }
    }
  }
  return answers;
}

/** Where the first class of a place lies among the outputs of a sample; the others follow `inner` apart. */
export function placeStart({ channels, inner }: ClassLayout, place: number): number {
  return Math.floor(place / inner) * channels * inner + (place % inner);
}

/**
 * How probable a classifier makes a class at a place: the softmax of its outputs (for one logit the sigmoid), or the
 * output over the sum of the outputs where they are probabilities; 0 where one is not finite.
 */
export function confidence(
  { layout, scale }: ClassOutputs,
  values: Float32Array,
  place: number,
  label: number,
): number {
  const { channels, inner } = layout;
  const start = placeStart(layout, place);
  if (channels === 1) {
    const one = values[start]!;
    if (one - one !== 0) return 0;
    if (scale === "logits") return 1 / (1 + Math.exp(label === 1 ? -one : one));
    return Math.min(Math.max(label === 1 ? one : 1 - one, 0), 1);
  }
  const end = start + channels * inner;
  let top = -Infinity;
  let total = 0;
  for (let i = start; i < end; i += inner) {
    total += values[i]!;
    if (values[i]! > top) top = values[i]!;
  }
  if (total - total !== 0) return 0;
  if (scale === "probabilities")
    return Math.min(Math.max(total > 0 ? values[start + label * inner]! / total : 0, 0), 1);
  let powers = 0;
  for (let i = start; i < end; i += inner) powers += Math.exp(values[i]! - top);
  return Math.exp(values[start + label * inner]! - top) / powers;
}
