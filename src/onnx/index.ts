/**
 * @file The room of ONNX: read and write models, find and quantise the weights that live in the memory, build the
 * hardened model and the gradient graph.
 */
export * from "./graph.ts";
export * from "./model.ts";
export * from "./tensor.ts";
