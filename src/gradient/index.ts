/** @file The gradient graph: reverse-mode differentiation of ONNX models into ONNX models. */
export { buildGradientGraph, type GradientGraph, type GradientOptions } from "./gradient.ts";
export { gradientOperators, gradientStops } from "./operators.ts";
export { probedValues, probeModel, type FetchedTensor, type ProbedValue } from "./probe.ts";
export { gradientTable } from "./table.ts";
export { loweredOperators, lowerModel } from "./lower/lower.ts";
