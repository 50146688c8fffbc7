/**
 * @file A smooth random field over the die: Gaussian, with exactly the same variance everywhere.
 *
 * Independent normal numbers on a square grid are blended by cubic B-splines, and the blend is divided by the root of
 * the sum of its squared weights, so that every point has unit variance. The correlation of two points at a distance d
 * is near exp(-d^2 / c^2), with c = 1.155 grid steps (B-splines of order 8 are nearly Gaussian, with variance 2/3).
 */
import { nextNormal } from "../channel/index.ts";

/** Grid steps after which the correlation is 1/e. */
const stepsPerLength = Math.sqrt(4 / 3);

/** Cubic B-spline weights of the four grid points around a place, over the root of their sum of squares. */
function weightsAt(place: number, into: Float64Array): void {
  const u = place - Math.floor(place);
  into[0] = (1 - u) ** 3 / 6;
  into[1] = (3 * u ** 3 - 6 * u ** 2 + 4) / 6;
  into[2] = (-3 * u ** 3 + 3 * u ** 2 + 3 * u + 1) / 6;
  into[3] = u ** 3 / 6;
  const norm = Math.sqrt(into.reduce((sum, w) => sum + w * w, 0));
  for (let i = 0; i < 4; i++) into[i]! /= norm;
}

/** Values of a field, asked for row by row. */
export interface DieField {
  /** Standard normal values at `xs` (0 to 1 across the die) for one height `y` (0 to 1), written to `out`. */
  along(y: number, xs: Float64Array, out: Float64Array): void;
}

/**
 * Draws a field.
 * @param state stream that the grid is drawn from
 * @param correlation distance at which the correlation is 1/e, as a share of the die's edge
 */
export function drawField(state: Int32Array, correlation: number): DieField {
  const step = correlation / stepsPerLength;
  const edge = Math.ceil(1 / step) + 4;
  const grid = Float64Array.from({ length: edge * edge }, () => nextNormal(state));
  const weights = new Float64Array(4);
  const blended = new Float64Array(edge);
  return {
    along(y, xs, out) {
      const top = y / step;
      weightsAt(top, weights);
      const first = Math.floor(top) * edge;
      for (let c = 0; c < edge; c++) {
        blended[c] = 0;
        for (let r = 0; r < 4; r++) blended[c]! += weights[r]! * grid[first + r * edge + c]!;
      }
      for (let i = 0; i < xs.length; i++) {
        const left = xs[i]! / step;
        weightsAt(left, weights);
        let sum = 0;
        for (let c = 0; c < 4; c++) sum += weights[c]! * blended[Math.floor(left) + c]!;
        out[i] = sum;
      }
    },
  };
}
