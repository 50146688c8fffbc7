/**
 * @file Decoding written as arithmetic in the graph: codes as numbers, less their zero points, times their steps.
 */
import { makeNode } from "./graph.ts";
import type { NodeProto, TensorProto } from "onnx-buf";
import type { UniqueNames } from "./scopes.ts";
import { stepDims, type StepLayout } from "../stored/index.ts";
import { int64Tensor } from "./tensor.ts";

/** Nodes and constants that are being written. */
export interface GraphPart {
  readonly nodes: NodeProto[];
  readonly initialisers: TensorProto[];
}

/**
 * Steps or zero points, given in any shape, so that they broadcast against the tensor that they belong to.
 *
 * @param value name of the steps in C order of `stepDims`
 * @returns the name to use in arithmetic
 */
export function broadcastSteps(
  part: GraphPart,
  names: UniqueNames,
  layout: StepLayout,
  value: string,
): string {
  const { dims, channelAxis, blockSize } = layout;
  if (channelAxis === undefined) return value;
  const reshaped = (from: string, shape: readonly number[], what: string): string => {
    const output = names.fresh(`${value}.${what}`);
    const target = names.fresh(`${output}.shape`);
    part.initialisers.push(int64Tensor(target, [shape.length], shape));
    part.nodes.push(makeNode("Reshape", [from, target], [output]));
    return output;
  };
  const sizes = stepDims(layout);
  if (blockSize === undefined) {
    // A single scale serves as well as one a channel where it is not known before the model runs.
    const open = sizes.map((d, axis) => (axis === channelAxis ? -1 : d));
    return reshaped(value, open, "channels");
  }
  const spread = (last: number) => [
    ...sizes.slice(0, channelAxis + 1),
    last,
    ...sizes.slice(channelAxis + 1),
  ];
  const single = reshaped(value, spread(1), "blocks");
  const repeated = names.fresh(`${value}.repeated`);
  const target = names.fresh(`${repeated}.shape`);
  part.initialisers.push(int64Tensor(target, [sizes.length + 1], spread(blockSize)));
  part.nodes.push(makeNode("Expand", [single, target], [repeated]));
  const padded = sizes.map((d, axis) => (axis === channelAxis ? d * blockSize : d));
  const flat = reshaped(repeated, padded, "each");
  if (padded[channelAxis] === dims[channelAxis]) return flat;
  const [start, end, axes] = [0, dims[channelAxis]!, channelAxis].map((bound, i) => {
    const name = names.fresh(`${value}.slice${i}`);
    part.initialisers.push(int64Tensor(name, [1], [bound]));
    return name;
  });
  const cut = names.fresh(`${value}.cut`);
  part.nodes.push(makeNode("Slice", [flat, start!, end!, axes!], [cut]));
  return cut;
}
