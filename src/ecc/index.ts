/**
 * @file The room of codes: encoders and decoders bit by bit, what they leave of the errors, what they cost. Pure.
 */
export { binaryEntropy, capacity, shannonFloor } from "./capacity.ts";
export type { BitChannel, WordCode, WordReading } from "./code.ts";
export { fieldOf, type Field } from "./field.ts";
export { codeNamed } from "./named.ts";
export {
  codeProtection,
  idealProtection,
  priceCodes,
  priceProtection,
  priceWithin,
  shannonStoredBits,
  unprotected,
  type BitPlane,
  type CodePrice,
  type PlaneProtection,
  type PricedProtection,
  type Protection,
} from "./price.ts";
export { binomialTail, meanError, residualChannel, type Residual } from "./residual.ts";
export { spreadThickness, type ThicknessLevel, type ThicknessSpread } from "./thickness.ts";
export { zeroSpaceData, zeroSpaceWeights } from "./zero-space.ts";
