/**
 * @file A small seeded stream of uniform numbers for resampling. Faults are drawn by the `channel` room's addressed
 * generator, not by this.
 */

/**
 * Uniform numbers in [0, 1) with 32 random bits: a Weyl sequence through the finaliser of MurmurHash3. The same seed
 * gives the same numbers everywhere.
 *
 * @param seed taken modulo 2^32
 */
export function uniformStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}
