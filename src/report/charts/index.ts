/**
 * @file The pictures. Each is a pure function of its data and draws into the document it is given, a browser's or
 * jsdom's.
 */
export { accuracyChart } from "./accuracy.ts";
export type { AccuracyData } from "./accuracy-scales.ts";
export { barrierChart, waveChart } from "./barrier.ts";
export { cellChart, type CellData, type CellPoint } from "./cells.ts";
export type { ChartOptions } from "./options.ts";
export { keptChart, type KeptData } from "./kept.ts";
export { bitShareChart, driftChart, errorChart, sampledShares, type SampledError } from "./law.ts";
export { protectionMap, type ProtectionRow } from "./protection-map.ts";
export {
  residualErrorChart,
  type ResidualCurve as ResidualErrorCurve,
  type ResidualErrors,
} from "./residual-errors.ts";
export { colour, policyStyle, policyStyles, theme, type PolicyStyle } from "./theme.ts";
export { yieldChart, type YieldData } from "./yield.ts";
export { thicknessChart } from "./thickness.ts";
