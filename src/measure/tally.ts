/**
 * @file Sums over samples: exact, so that any split of the samples gives the same bits.
 */
import { ExactSum } from "./exact.ts";
import type { Judge, Outputs } from "./measure.ts";
import { addAnswers, noAnswers, type AnswerCounter, type AnswerCounts } from "./outcomes.ts";

/** What some samples contribute to a score. Plain data; merges. */
export interface Tally {
  /** Samples judged. */
  readonly samples: number;
  /** Samples with a NaN or an infinity among the outputs. */
  readonly nonFinite: number;
  /** [width] exact sums, each as doubles that add up to it, the correctly rounded one first. */
  readonly sums: readonly (readonly number[])[];
  /** What became of the answers of a classifier; absent where outputs are not answers or were not asked about. */
  readonly answers?: AnswerCounts;
}

/** Whether all values are finite. */
export function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) return false;
  return true;
}

/**
 * Judges samples.
 *
 * @param places [count] their places in the data set; those of its first samples unless given
 * @param counter counts the answers as well
 */
export function tally(
  judge: Judge,
  outputs: Outputs,
  places?: ArrayLike<number>,
  counter?: AnswerCounter,
): Tally {
  const { count, values } = outputs;
  const size = values.length / count;
  const sums = Array.from({ length: judge.width }, () => new ExactSum());
  const contribution = new Float64Array(judge.width);
  let nonFinite = 0;
  let answers = noAnswers;
  for (let n = 0; n < count; n++) {
    const sample = values.subarray(n * size, (n + 1) * size);
    const isFinite = allFinite(sample);
    if (!isFinite) nonFinite++;
    contribution.fill(0);
    const place = places === undefined ? n : places[n]!;
    judge.contribute(sample, place, isFinite, contribution);
    if (counter !== undefined) answers = addAnswers(answers, counter(sample, place));
    sums.forEach((sum, i) => {
      if (contribution[i] !== 0) sum.add(contribution[i]!);
    });
  }
  const counted = counter === undefined ? {} : { answers };
  return { samples: count, nonFinite, sums: sums.map((sum) => sum.expansion()), ...counted };
}

/** The tally of two disjoint sets of samples together. */
export function mergeTallies(a: Tally, b: Tally): Tally {
  const counted =
    a.answers === undefined || b.answers === undefined ? {} : { answers: addAnswers(a.answers, b.answers) };
  return {
    ...counted,
    samples: a.samples + b.samples,
    nonFinite: a.nonFinite + b.nonFinite,
    sums: a.sums.map((sum, i) => new ExactSum([...sum, ...b.sums[i]!]).expansion()),
  };
}

/** The score of a tally. @param tally what samples contributed */
export function scoreOf(judge: Judge, { sums }: Tally): number {
  return judge.score(sums.map((sum) => sum[0] ?? 0));
}
