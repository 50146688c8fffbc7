/**
 * @file Ranks and Spearman's correlation: whether a prediction puts cases in the right order.
 */
import { QtamlError } from "../errors.ts";

/** Ranks of the values from 1 on, in their own order; equal values share the mean of their ranks. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort(
    (a, b) => values[a]! - values[b]! || a - b,
  );
  const sorted = Float64Array.from(order, (i) => values[i]!);
  const out = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    const value = sorted[start];
    let end = start + 1;
    while (end < order.length && sorted[end] === value) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) out[order[i]!] = rank;
    start = end;
  }
  return out;
}

/**
 * Spearman's rank correlation (The American Journal of Psychology 15, 72, 1904): Pearson's correlation of the ranks,
 * ties at their mean rank; between -1 and 1. NaN when one side has a single value throughout: it has no order.
 *
 * @throws QtamlError `invalid-argument` when the two differ in length or have fewer than two values, `non-finite`
 *   when one is NaN
 */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length < 2) {
    throw new QtamlError(
      "invalid-argument",
      `A rank correlation needs pairs, at least 2, but one side has ${a.length} values and the other ${b.length}.`,
    );
  }
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]!) || Number.isNaN(b[i]!)) {
      throw new QtamlError("non-finite", `Pair ${i} of a rank correlation is NaN; leave such cases out.`);
    }
  }
  const ra = ranks(a);
  const rb = ranks(b);
  const mean = (a.length + 1) / 2;
  let cross = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < ra.length; i++) {
    const da = ra[i]! - mean;
    const db = rb[i]! - mean;
    cross += da * db;
    squaresA += da * da;
    squaresB += db * db;
  }
  return cross / Math.sqrt(squaresA * squaresB);
}
