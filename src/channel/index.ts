/**
 * @file The room `channel`: number formats of at most 8 bits, bit flips as a stochastic matrix on codes, the error law
 * that follows from it, decoders, and addressed sampling of faults. Pure: runs in a browser unchanged.
 */

export { encode, encodeInto, codeHistogram, quantisationStep } from "./encode.ts";
export { formatNames, isLinear, linearFormat, numberFormat, tableFormat } from "./format.ts";
export type { LinearFormat, NumberFormat } from "./format.ts";
export {
  asymmetricFlips,
  bitContrast,
  perBitFlips,
  protectBits,
  symmetricFlips,
  topBitsMask,
} from "./flips.ts";
export type { FlipProbabilities } from "./flips.ts";
export { channelMatrix, composeChannels } from "./matrix.ts";
export { conditionalMoments, driftLine, errorMoments, valueMoments } from "./moments.ts";
export type { ConditionalMoments, DriftLine, ErrorMoments, StoredTensor } from "./moments.ts";
export { bitContributions, bitVarianceShares, errorDistribution, topBitShare } from "./distribution.ts";
export type { BitContributions, ErrorDistribution } from "./distribution.ts";
export {
  chargeLossMean,
  excessKurtosis,
  linearMean,
  linearVariance,
  protectedMean,
  protectedUnbiased,
  protectedVariance,
  relativeDeviation,
  signMagnitudeMean,
  symmetricMean,
  symmetricVariance,
  topBitVarianceShare,
  unprotectedPart,
} from "./closed.ts";
export { decoder, decoderKinds, decoders } from "./decoders.ts";
export type { Decoder, DecoderInput, DecoderKind } from "./decoders.ts";
export type { FaultList, FlipAddress, FlipSampler, ProtectionMask } from "./sampler-types.ts";
