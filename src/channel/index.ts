/**
 * @file The room `channel`: number formats of at most 16 bits, bit flips on codes, the error law
 * that follows from it, decoders, and addressed sampling of faults. Pure: runs in a browser unchanged.
 */

export { codeArray, mostBits } from "./codes.ts";
export type { Codes } from "./codes.ts";
export { encode, encodeInto, codeHistogram, quantisationStep } from "./encode.ts";
export { formatNames, integerFormat, isLinear, linearFormat, numberFormat, tableFormat } from "./format.ts";
export type { FloatLayout, LinearFormat, NumberFormat } from "./format.ts";
export {
  asymmetricFlips,
  bitContrast,
  perBitFlips,
  protectBits,
  symmetricFlips,
  topBitsMask,
} from "./flips.ts";
export type { FlipProbabilities } from "./flips.ts";
export { exposedFlips } from "./exposure.ts";
export { channelMatrix, composeChannels } from "./matrix.ts";
export { conditionalMoments, receivedWeights, variancesWithout } from "./butterfly.ts";
export type { ConditionalMoments } from "./butterfly.ts";
export { reachableCodes, tableOver } from "./reachable.ts";
export type { ReachableCodes } from "./reachable.ts";
export { boundedTable, extendedValues, runawayFactor, runawayLimit } from "./runaway.ts";
export { driftLine, errorMoments, valueMoments } from "./moments.ts";
export type { DriftLine, ErrorMoments, StoredCodes } from "./moments.ts";
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
export { decoder, decoderExists, decoderKinds, decoders } from "./decoders.ts";
export type { Decoder, DecoderInput, DecoderKind } from "./decoders.ts";
export { channelRanges, codebookOf, rangeEncoder, refineCodebook, unshrunkReading } from "./codebook.ts";
export type { Codebook, CodeRanges, Reading, WeightDistribution } from "./codebook.ts";
export { decoderClasses, designCodebook, weightDistribution } from "./design.ts";
export type { DecoderClass } from "./design.ts";
export { naturalLog } from "./logarithm.ts";
export { applyFaults, receiveInto } from "./faults.ts";
export type { FaultList, ProtectionMask } from "./faults.ts";
export { blockWeights } from "./patterns.ts";
export { flipSampler, sparseLimit } from "./sampler.ts";
export type { FlipSampler, SamplerOptions } from "./sampler.ts";
export { addressedStreams, nextNormal, nextUint32, nextUniform } from "./stream.ts";
export type { FlipAddress } from "./stream.ts";
export { philox4x32 } from "./philox.ts";
export { aliasTable, drawAlias } from "./alias.ts";
export type { AliasTable } from "./alias.ts";
export { codedMask, protectionModes, segmentFlips, segmentKey } from "./segment.ts";
export type { CodedBits, ProtectionMode, ProtectionSegment } from "./segment.ts";
