/**
 * @file An oxide that is thicker here and thinner there: a smooth field over the die scales the rate at which cells
 * flip by `exp(slope * (t - t0))`. The field belongs to the chip; given it, cells flip independently.
 */
import { exposedFlips, type FlipProbabilities } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { drawField } from "./field.ts";
import {
  isKept,
  purposes,
  readWord,
  rowStreams,
  skip,
  type FaultMechanism,
  type FaultyMemory,
} from "./mechanism.ts";

/** How thickness varies, and what that does. */
export interface ThicknessMap {
  /** Standard deviation of the thickness over the die in nm. */
  readonly sigmaNm: number;
  /** Derivative of ln(rate) with the thickness in 1/nm, negative; that of ln p while p is small. */
  readonly slopePerNm: number;
  /** Distance at which the correlation falls to 1/e, as a share of the die's edge. */
  readonly correlation: number;
}

/** Neighbouring cells of a row that share one thickness. */
const tileCells = 256;

/** Highest flip probability of a law. */
const highest = ({ p01, p10 }: FlipProbabilities) => Math.max(...p01, ...p10);

/** Cells that flip independently, at rates that follow a map. */
export function thicknessFlips(
  { flips, cells, intervals, seed }: FaultyMemory,
  { sigmaNm, slopePerNm, correlation }: ThicknessMap,
): FaultMechanism {
  checkRates(flips);
  const tiles = Math.ceil(cells.columns / tileCells);
  const xs = Float64Array.from({ length: tiles }, (_, i) =>
    Math.min(1, ((i + 0.5) * tileCells) / cells.columns),
  );
  const heights = new Float64Array(tiles);
  const place = { tensor: 0, weight: 0, bit: 0 };
  return {
    damage({ trial, read }, chip) {
      const field = drawField(rowStreams(seed, trial, purposes.field)(0), correlation);
      const streams = rowStreams(seed, trial, purposes.thickness, readWord(read, 0));
      for (let row = 0; row < cells.rows; row++) {
        const state = streams(row);
        field.along((row + 0.5) / cells.rows, xs, heights);
        for (let tile = 0; tile < tiles; tile++) {
          const exposure = intervals * Math.exp(slopePerNm * sigmaNm * heights[tile]!);
          const start = row * cells.columns + tile * tileCells;
          const end = Math.min(cells.cells, start + tileCells, (row + 1) * cells.columns);
          // A tile may lie across tensors with other laws.
          for (let from = start; from < end;) {
            cells.locate(from, place);
            const { tensor } = place;
            const until = Math.min(end, cells.endOf(tensor));
            const law = exposedFlips(flips[tensor]!, exposure);
            const hit = highest(law);
            const missLog = Math.log1p(-hit);
            const own = chip[tensor]!;
            let at = hit === 0 ? until : from + skip(state, missLog);
            for (; at < until; at += 1 + skip(state, missLog)) {
              cells.locate(at, place);
              const p = (own.read(place.weight, place.bit) === 1 ? law.p10 : law.p01)[place.bit]!;
              if (isKept(state, p, hit)) own.flip(place.weight, place.bit);
            }
            from = until;
          }
        }
      }
    },
  };
}

/** @throws QtamlError `invalid-argument` for probabilities that no rates make */
export function checkRates(flips: readonly FlipProbabilities[]): void {
  const sum = Math.max(...flips.flatMap(({ p01, p10 }) => Array.from(p01, (p, k) => p + p10[k]!)));
  if (sum <= 1) return;
  throw new QtamlError(
    "invalid-argument",
    `Flip probabilities that add up to ${sum} (0 to 1 and 1 to 0) come from no rates, so thickness cannot scale them; give probabilities with a sum of at most 1.`,
  );
}
