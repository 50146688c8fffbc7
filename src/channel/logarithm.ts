/**
 * @file Natural logarithms from +, -, * and / alone. ECMAScript leaves the last bit of Math.log to the engine; these
 * give the same bits everywhere, which fault positions need.
 */

/** `2 artanh(s)` for |s| < 0.18: 12 terms of the odd series; the first one left out is below 2^-60 of the sum. */
function twiceArtanh(s: number): number {
  const square = s * s;
  let sum = 0;
  for (let k = 23; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return 2 * s * sum;
}

/** `ln x` for 0 <= x <= 1, to a few units in the last place; time grows with -log2 x. */
export function naturalLog(x: number): number {
  if (x === 0) return -Infinity;
  let mantissa = x;
  let exponent = 0;
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent--;
  }
  return exponent * Math.LN2 + twiceArtanh((mantissa - 1) / (mantissa + 1));
}

/** `ln(1 - h)` for 0 <= h <= 1, exact to a few units in the last place for small h too. */
export function logComplement(h: number): number {
  return h < 0.25 ? -twiceArtanh(h / (2 - h)) : naturalLog(1 - h);
}
