/** @file IEEE 754 binary16, the "half" of NumPy and of models stored in 16 bits. */

const scratch = new DataView(new ArrayBuffer(4));

/** The value of a binary16 bit pattern. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bit pattern of the binary16 nearest to a float32 number, ties to even; infinite from 65520 on. */
export function toHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(scratch.getFloat32(0));
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // Steps of 2^-24 below 2^-14, of 2^-10 of the leading power of two above.
  const exponent = Math.max(((bits >>> 23) & 255) - 127, -14);
  const steps = magnitude * 2 ** (10 - exponent);
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  // A carry into the next power of two carries into the exponent field by itself.
  return sign | (rounded + (exponent + 14) * 1024);
}

let table: Float32Array | undefined;

/** The values of many binary16 bit patterns. */
export function widenHalves(bits: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, i) => fromHalf(i));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}
