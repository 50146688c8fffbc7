/**
 * @file Faults that belong to the chip, are the same at every read, and win over whatever else happens to a cell: word
 * lines that fail and cells that are stuck.
 */
import { nextUniform } from "../channel/index.ts";
import { purposes, readWord, rowStreams, skip, type FaultMechanism, type FaultyMemory } from "./mechanism.ts";

/** What the cells of a failed word line are read as. */
export const wordLineReads = ["random", "zeros", "ones"] as const;

/** Word lines that fail as a whole. */
export interface WordLineFaults {
  /** Probability that a word line fails. */
  readonly rate: number;
  /** `random`: each bit is read as 0 or 1 with equal probability, anew at every read. */
  readonly reads: (typeof wordLineReads)[number];
}

/** Cells that are stuck since manufacturing. */
export interface StuckCells {
  /** Probability that a cell is stuck. */
  readonly share: number;
  /** What it is read as; `either`: 0 or 1 with equal probability, once for all reads. */
  readonly value: 0 | 1 | "either";
}

/** Word lines that fail: all cells of a row. */
export function wordLineFaults(
  { cells, seed }: FaultyMemory,
  { rate, reads }: WordLineFaults,
): FaultMechanism {
  const missLog = Math.log1p(-rate);
  const place = { tensor: 0, weight: 0, bit: 0 };
  return {
    damage({ trial, read }, chip) {
      if (rate === 0) return;
      const choose = rowStreams(seed, trial, purposes.wordLine)(0);
      const contents = rowStreams(seed, trial, purposes.wordLineContent, readWord(read, 0));
      for (let row = skip(choose, missLog); row < cells.rows; row += 1 + skip(choose, missLog)) {
        const state = contents(row);
        const end = Math.min(cells.cells, (row + 1) * cells.columns);
        for (let at = row * cells.columns; at < end; at++) {
          cells.locate(at, place);
          const value = reads === "random" ? coin(state) : reads === "ones" ? 1 : 0;
          const own = chip[place.tensor]!;
          if (own.read(place.weight, place.bit) !== value) own.flip(place.weight, place.bit);
        }
      }
    },
  };
}

/** Cells that are stuck at a value, independently of each other. */
export function stuckCells({ cells, seed }: FaultyMemory, { share, value }: StuckCells): FaultMechanism {
  const missLog = Math.log1p(-share);
  const place = { tensor: 0, weight: 0, bit: 0 };
  return {
    damage({ trial }, chip) {
      if (share === 0) return;
      const state = rowStreams(seed, trial, purposes.stuckAt)(0);
      for (let at = skip(state, missLog); at < cells.cells; at += 1 + skip(state, missLog)) {
        cells.locate(at, place);
        const stuck = value === "either" ? coin(state) : value;
        const own = chip[place.tensor]!;
        if (own.read(place.weight, place.bit) !== stuck) own.flip(place.weight, place.bit);
      }
    },
  };
}

const coin = (state: Int32Array): 0 | 1 => (nextUniform(state) > 0.5 ? 1 : 0);
