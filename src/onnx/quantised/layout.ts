/** @file Where the scales of `QuantizeLinear` and `DequantizeLinear` apply. */
import type { NodeProto } from "onnx-buf";
import { intAttribute } from "../graph.ts";
import { stepCount, stepDims, type StepLayout } from "../../stored/index.ts";
import { elementCount } from "../tensor.ts";

/**
 * The layout of a node's scales over a value: one a tensor, one a channel, or one a block.
 *
 * @param dims of the value
 * @param scaleDims of the scale
 * @returns undefined when they do not fit each other
 */
export function stepLayoutOf(
  node: NodeProto,
  dims: readonly number[],
  scaleDims: readonly number[],
): StepLayout | undefined {
  const stated = intAttribute(node, "axis", 1);
  const axis = stated < 0 ? stated + dims.length : stated;
  const blockSize = intAttribute(node, "block_size", 0);
  const scales = elementCount(scaleDims);
  if (axis < 0) return undefined;
  if (blockSize > 0 && scaleDims.length === dims.length && axis < dims.length) {
    const layout = { dims, channelAxis: axis, blockSize };
    return stepDims(layout).every((d, i) => d === scaleDims[i]) ? layout : undefined;
  }
  if (scales === 1) return { dims, channelAxis: undefined, blockSize: undefined };
  const layout = { dims, channelAxis: axis, blockSize: undefined };
  return scaleDims.length === 1 && axis < dims.length && stepCount(layout) === scales ? layout : undefined;
}
