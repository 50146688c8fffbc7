/**
 * @file Seeded draws for tests.
 */

/** A standard normal number (Box and Muller) from uniform ones. */
export function normal(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** An accuracy skewed towards 1, Beta(9, 1): mean 0.9, variance 0.9 / 110. */
export function betaLike(uniform: () => number): number {
  return uniform() ** (1 / 9);
}

/** Whether a share of `runs` agrees with its probability to four standard deviations: fails by chance 6 times in 1e5. */
export function within(probability: number, runs: number): (share: number) => boolean {
  const sd = Math.sqrt((probability * (1 - probability)) / runs);
  return (share) => Math.abs(share - probability) <= 4 * sd;
}
