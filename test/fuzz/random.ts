/** @file Seeded choices for the mutators. */
import { uniformStream } from "../../src/stats/random.ts";

/** A stream of choices: the same seed makes the same ones everywhere. */
export interface Random {
  /** A whole number in [0, n); 0 when n is 0. */
  readonly below: (n: number) => number;
  /** True with the given probability. */
  readonly chance: (p: number) => boolean;
  /** One of a list that is not empty. */
  readonly pick: <T>(list: readonly T[]) => T;
  /** A length that is usually short: its logarithm is uniform over [1, n]. */
  readonly span: (n: number) => number;
}

/** Choices for one mutant, addressed by the run's seed, the target's number and the mutant's. */
export function makeRandom(...address: readonly number[]): Random {
  const seed = address.reduce(
    (state, part) => Math.imul(state ^ part, 0x9e3779b1) ^ (state >>> 15),
    0x2545f491,
  );
  const uniform = uniformStream(seed);
  uniform();
  const below = (n: number) => Math.floor(uniform() * n);
  return {
    below,
    chance: (p) => uniform() < p,
    pick: (list) => list[below(list.length)]!,
    span: (n) => Math.max(1, Math.floor(Math.exp(uniform() * Math.log(Math.max(1, n) + 0.999)))),
  };
}

/** Numbers at the edges of what formats can say: sizes, offsets, signs, widths. */
export const edgeIntegers: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  16n,
  127n,
  128n,
  255n,
  256n,
  32_767n,
  65_535n,
  65_536n,
  (1n << 24n) - 1n,
  1n << 28n,
  (1n << 31n) - 1n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
  1n << 40n,
  1n << 53n,
  (1n << 62n) + 1n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];
