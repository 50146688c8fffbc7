/**
 * @file The room of reports: charts, the self-contained HTML report, and text for terminals.
 */
export * from "./charts/index.ts";
export { deviceSection, lawSection, protectedShares, type LawRequest, wideLawSection } from "./collect.ts";
export { renderFigures, residualFigure } from "./figures.ts";
export { renderReport } from "./html.ts";
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
  plainPalette,
  plainText,
  shorten,
  sparkline,
  textBar,
  textWidth,
  type Cell,
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
