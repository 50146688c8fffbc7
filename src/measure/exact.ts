/**
 * @file Exact sums of doubles: the rounded total is the same whatever the order and the grouping of the terms.
 */

/** The exact sum of two doubles as the rounded sum and its error (Knuth's TwoSum). */
function twoSum(a: number, b: number): readonly [sum: number, error: number] {
  const sum = a + b;
  const virtual = sum - a;
  return [sum, a - (sum - virtual) + (b - virtual)];
}

/** Adds a double to an expansion in place; the terms keep not overlapping, the smallest first. */
function grow(terms: number[], value: number): void {
  let carry = value;
  let used = 0;
  for (const term of terms) {
    const [sum, error] = twoSum(carry, term);
    if (error !== 0) terms[used++] = error;
    carry = sum;
  }
  terms.length = used;
  if (carry !== 0) terms.push(carry);
}

/** The term nearest to the whole of an expansion: its correctly rounded value. */
function rounded(terms: readonly number[]): number {
  let i = terms.length - 1;
  let value = terms[i] ?? 0;
  let error = 0;
  while (i > 0 && error === 0) [value, error] = twoSum(value, terms[--i]!);
  // Half-way cases are decided by the sign of what lies further below.
  const below = terms[i - 1];
  if (error !== 0 && below !== undefined && error < 0 === below < 0) {
    const [up, missed] = twoSum(value, 2 * error);
    if (missed === 0) return up;
  }
  return value;
}

/**
 * Adds doubles without rounding (Shewchuk, Discrete and Computational Geometry 18, 305, 1997, as in Python's
 * `math.fsum`). Terms must be finite and their sum below 1e308.
 */
export class ExactSum {
  readonly #terms: number[] = [];

  /** @param terms what to start from, for instance the expansion of another sum */
  constructor(terms: readonly number[] = []) {
    for (const term of terms) this.add(term);
  }

  /** Adds one value. */
  add(value: number): void {
    if (!Number.isFinite(value)) throw new Error(`${value} cannot be summed exactly`);
    grow(this.#terms, value);
  }

  /**
   * The sum as few doubles, the largest first: the correctly rounded sum, the correctly rounded rest, and so on;
   * empty for 0. Equal sums have equal expansions, however they came about.
   */
  expansion(): number[] {
    const rest = [...this.#terms];
    const terms: number[] = [];
    while (rest.length > 0) {
      const term = rounded(rest);
      terms.push(term);
      grow(rest, -term);
    }
    return terms;
  }
}
