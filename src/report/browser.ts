/**
 * @file What of the room runs in a browser: the charts, the data they are drawn from, numbers and words. Nothing here
 * reaches for Node.
 */
export * from "./charts/index.ts";
export {
  barrierPicture,
  deviceSection,
  lawSection,
  protectedShares,
  thicknessPicture,
  wideLawSection,
  type LawRequest,
} from "./collect.ts";
export {
  formatCount,
  formatNumber,
  formatPercent,
  formatScore,
  formatSeconds,
  formatSi,
  formatTimes,
} from "./numbers.ts";
export { chartToSvg } from "./svg.ts";
export type { BarrierPicture, DeviceSection, LawSection, ThicknessPicture, WideLawSection } from "./types.ts";
export { flipWords, randomWords } from "./words.ts";
