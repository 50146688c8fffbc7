/**
 * @file Chips that are judged on part of the images: which part, and what the clean network scores on it.
 *
 * Each chip sees neighbours, from a random place, in an order that is shuffled once. Every image is then equally likely
 * to be seen, so a chip's score has the score on all images as its mean. What the clean network scores on the same images
 * is a control variate: its mean over places is the clean score on all images, and what is hard for the clean network is
 * hard for all (`stats.controlledValues`).
 */
import { addressedStreams, nextUniform } from "../channel/index.ts";
import { sampleOrder, type SampleRun } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import type { Judge, Outputs } from "../measure/index.ts";

/** The parts of the images that chips are judged on. */
export interface ImageParts {
  /** Images of a chip. */
  readonly images: number;
  /** The part that a chip sees. */
  of(chip: number): SampleRun;
  /** What the clean network scores on the part of a chip. */
  control(chip: number): number;
  /** Its mean over all chips: the clean score on all images. */
  readonly expected: number;
  /** Least and largest score that can occur once from none to all of `control - expected` is taken off. */
  readonly range: readonly [low: number, high: number];
}

/** Streams of places are independent of those of faults and of the order. */
const placePurpose = 8;

/** What each sample contributes with clean weights: [samples][width]. */
function contributions(judge: Judge, { count, values }: Outputs): Float64Array[] {
  const size = values.length / count;
  return Array.from({ length: count }, (_, n) => {
    const into = new Float64Array(judge.width);
    const sample = values.subarray(n * size, (n + 1) * size);
    judge.contribute(
      sample,
      n,
      sample.every((v) => Number.isFinite(v)),
      into,
    );
    return into;
  });
}

/** Whether a score is the mean over samples of a number each: only then a part of the samples has the right mean. */
function isMean(judge: Judge, clean: readonly Float64Array[]): boolean {
  if (judge.width !== 2 || clean.some((c) => c[1] !== clean[0]![1])) return false;
  const whole = clean.length * clean[0]![1]!;
  const score = (sum: number, asked: number) => judge.score([sum, asked]);
  const [low, high] = [score(0, whole), score(whole, whole)];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const isNear = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * size;
  return (
    isNear(score(whole / 4, whole), low + (high - low) / 4) &&
    isNear(score(whole / 2, whole), score(whole / 4, whole / 2))
  );
}

/**
 * The parts of so many images.
 *
 * @param clean outputs of all samples with clean weights
 * @throws QtamlError `invalid-argument` for more images than there are, or a measure that is no mean over samples
 */
export function imageParts(judge: Judge, clean: Outputs, seed: number, images: number): ImageParts {
  const { count } = clean;
  if (images > count) {
    throw new QtamlError(
      "invalid-argument",
      `A chip cannot be judged on ${images} of ${count} images; give --images ${count} or less.`,
    );
  }
  const own = contributions(judge, clean);
  if (!isMean(judge, own)) {
    throw new QtamlError(
      "invalid-argument",
      "This measure is no mean over images, so a chip must be judged on all of them: leave --images out, or choose another --measure.",
    );
  }
  const order = sampleOrder(seed, count);
  const asked = own[0]![1]!;
  const scores = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < images; i++) sum += own[order[i]!]![0]!;
  for (let from = 0; from < count; from++) {
    scores[from] = judge.score([sum, images * asked]);
    sum += own[order[(from + images) % count]!]![0]! - own[order[from]!]![0]!;
  }
  const total = own.reduce((s, c) => s + c[0]!, 0);
  const whole = judge.score([total, count * asked]);
  const [low, high] = judge.range;
  const from = (chip: number) => {
    const state = addressedStreams({ seed, trial: chip, tensor: 0 }, placePurpose)(0);
    return Math.ceil(nextUniform(state) * count) - 1;
  };
  return {
    images,
    of: (chip) => ({ from: from(chip), count: images }),
    control: (chip) => scores[from(chip)]!,
    expected: whole,
    range: [
      low - scores.reduce((a, b) => Math.max(a, b)) + whole,
      high - scores.reduce((a, b) => Math.min(a, b)) + whole,
    ],
  };
}
