/** @file Powers of the primitive element of GF(2^m). */

/** A field of 2^m elements as polynomials over GF(2), and its primitive element x. */
export interface Field {
  /** m. */
  readonly bits: number;
  /** The primitive polynomial, bit i the coefficient of x^i. */
  readonly polynomial: number;
  /** x^e, for e from 0. */
  readonly power: (e: number) => number;
}

/** The field of a primitive polynomial of degree m. */
export function fieldOf(m: number, polynomial: number): Field {
  const order = 2 ** m - 1;
  const powers = new Uint16Array(order);
  for (let e = 0, value = 1; e < order; e++) {
    powers[e] = value;
    value <<= 1;
    if (value > order) value ^= polynomial;
  }
  return { bits: m, polynomial, power: (e) => powers[e % order]! };
}
