/**
 * @file qtaml as a library: each room as a namespace. The rooms are also entry points of their own
 * (`qtaml/physics`, `qtaml/channel`, ...).
 */
export * as assessment from "./assessment/index.ts";
export * as bytes from "./bytes/index.ts";
export * as campaign from "./campaign/index.ts";
export * as channel from "./channel/index.ts";
export * as data from "./data/index.ts";
export * as ecc from "./ecc/index.ts";
export * as engine from "./engine/index.ts";
export { QtamlError, type QtamlErrorCode } from "./errors.ts";
export * as faults from "./faults/index.ts";
export * as gradient from "./gradient/index.ts";
export * as image from "./image/index.ts";
export * as measure from "./measure/index.ts";
export * as onnx from "./onnx/index.ts";
export * as physics from "./physics/index.ts";
export * as planning from "./planning/index.ts";
export * as protect from "./protect/index.ts";
export * as report from "./report/index.ts";
export * as simulation from "./simulation/index.ts";
export * as stats from "./stats/index.ts";
export * as stored from "./stored/index.ts";
