/**
 * @file The room of ONNX: read and write models, find and quantise the weights that live in the memory, build the
 * hardened model and the gradient graph.
 */
export * from "./adopt.ts";
export * from "./check.ts";
export * from "./codes.ts";
export * from "./counting.ts";
export * from "./floats.ts";
export * from "./fold.ts";
export * from "./functions.ts";
export * from "./gradient/index.ts";
export * from "./graph.ts";
export * from "./harden.ts";
export * from "./lazy.ts";
export * from "./model.ts";
export * from "./open.ts";
export * from "./prepare.ts";
export * from "./roles.ts";
export * from "./scopes.ts";
export * from "./safetensors.ts";
export * from "./selection.ts";
export * from "./steps.ts";
export * from "./stored.ts";
export * from "./survey.ts";
export * from "./tensor.ts";
export * from "./weights.ts";
export { modelFiles, type ModelFiles } from "./write.ts";
