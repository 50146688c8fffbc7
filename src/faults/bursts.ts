/**
 * @file Flips that come in runs along a word line.
 *
 * The cells of a row go through a two-state chain (Gilbert, Bell System Technical Journal 39, 1253, 1960): in a burst
 * every cell is hit, and a burst ends after each cell with probability 1/L, so that runs are geometric with mean L. A
 * burst begins with probability `q / (L (1 - q))` after a sound cell, and a row starts in the stationary state, so that
 * every cell is hit with probability exactly q, the largest flip probability of the memory. A hit flips the cell with
 * probability p/q, where p is that of the bit it holds: the marginal flip probabilities are those of independent cells.
 */
import { nextUniform } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import {
  isKept,
  purposes,
  readWord,
  rowStreams,
  skip,
  type FaultMechanism,
  type FaultyMemory,
} from "./mechanism.ts";

/** @param length mean length of a burst in cells, 1 or more */
export function burstFlips({ flips, cells, intervals, seed }: FaultyMemory, length: number): FaultMechanism {
  const hit = flips.reduce((most, { p01, p10 }) => Math.max(most, ...p01, ...p10), 0);
  if (hit === 1) {
    throw new QtamlError(
      "invalid-argument",
      "Some bits flip with probability 1, which leaves no sound cell for a burst to begin after; leave burst out.",
    );
  }
  if (hit / (1 - hit) > length) {
    throw new QtamlError(
      "invalid-argument",
      `Bursts of ${length} cells cannot hit cells with probability ${hit}: a burst would have to begin after every sound cell; give a length of at least ${(hit / (1 - hit)).toPrecision(3)}.`,
    );
  }
  const startLog = Math.log1p(-hit / (length * (1 - hit)));
  const goOnLog = Math.log(1 - 1 / length);
  const place = { tensor: 0, weight: 0, bit: 0 };
  return {
    damage({ trial, read }, chip) {
      if (hit === 0) return;
      for (let interval = 0; interval < intervals; interval++) {
        const streams = rowStreams(seed, trial, purposes.burst, readWord(read, interval));
        for (let row = 0; row < cells.rows; row++) {
          const state = streams(row);
          const end = Math.min(cells.cells, (row + 1) * cells.columns);
          let at = row * cells.columns;
          if (nextUniform(state) > hit) at += 1 + skip(state, startLog);
          while (at < end) {
            // The run goes on after each cell with probability 1 - 1/L.
            const until = Math.min(end, at + 1 + skip(state, goOnLog));
            for (; at < until; at++) {
              cells.locate(at, place);
              const { tensor, weight, bit } = place;
              const own = chip[tensor]!;
              const p = (own.read(weight, bit) === 1 ? flips[tensor]!.p10 : flips[tensor]!.p01)[bit]!;
              if (isKept(state, p, hit)) own.flip(weight, bit);
            }
            // The cell after a burst is sound.
            at += 1 + skip(state, startLog);
          }
        }
      }
    },
  };
}
