/**
 * @file The room of reports: numbers, words and tables for people, and what draws: the self-contained HTML report and
 * its pictures. The charts themselves are in `browser.ts`.
 */
export { deviceSection, lawSection, protectedShares, type LawRequest, wideLawSection } from "./collect.ts";
export { renderFigures, renderReport, residualFigure } from "./draw.ts";
export {
  formatCount,
  formatNumber,
  formatPercent,
  formatScore,
  formatSeconds,
  formatSi,
  formatTimes,
  powerOfTen,
  type NumberOptions,
  type Quantity,
} from "./numbers.ts";
export { chartToSvg } from "./svg.ts";
export {
  bitMarks,
  formatTable,
  plainLines,
  plainPalette,
  plainText,
  shorten,
  sparkline,
  textBar,
  textWidth,
  type Cell,
  type ColouredCell,
  type Palette,
  type TableOptions,
} from "./text.ts";
export type {
  BarrierPicture,
  DeviceSection,
  LawSection,
  WideLawSection,
  ReportEnvironment,
  ReportInput,
  ThicknessPicture,
} from "./types.ts";
export { comparisonHeadline, decodingCost, flipWords, headline, measureWords, planWords } from "./words.ts";
