/**
 * @file Biases that can be shifted at no cost at inference: where a layer's output can be moved by a number a channel
 * without another operator, and the model with its outputs moved.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { dropUnusedNodes } from "./fold.ts";
import { floatAttribute, indexGraph, intAttribute, isStandardNode, type GraphIndex } from "./graph.ts";
import { cloneModel, type OnnxModel } from "./model.ts";
import { constantBehind, uniqueNames } from "./scopes.ts";
import { DataType, elementCount, floatData, floatTensor, tensorDims } from "./tensor.ts";

/** A layer that has a bias, or has room for one. */
export interface BiasPlace {
  /** Name of the value that the layer puts out, bias included. */
  readonly layer: string;
  readonly channels: number;
  /** The axis of that value that runs over channels: the second, or the last. */
  readonly axis: "second" | "last";
}

/** Where a bias goes in: an input of a node, and the constant that is there. */
interface BiasInput extends BiasPlace {
  readonly node: NodeProto;
  readonly input: number;
  readonly bias: TensorProto | undefined;
}

/** A float32 constant that the memory does not hold and that is one number a channel. */
function isOwnBias(bias: TensorProto | undefined, channels: number, stored: ReadonlySet<string>): boolean {
  if (bias === undefined || bias.dataType !== DataType.FLOAT || stored.has(bias.name)) return false;
  const dims = tensorDims(bias);
  return elementCount(dims) === channels && dims.at(-1) === channels;
}

/** The bias of a convolution or a `Gemm`, which may have none. */
function ownBias(index: GraphIndex, node: NodeProto, stored: ReadonlySet<string>): BiasInput | undefined {
  const weight = index.constants.get(node.input[1] ?? "");
  if (weight === undefined || weight.dataType !== DataType.FLOAT) return undefined;
  const dims = tensorDims(weight);
  const isGemm = node.opType === "Gemm";
  if (isGemm && floatAttribute(node, "beta", 1) !== 1) return undefined;
  const channels = isGemm
    ? dims[1 - intAttribute(node, "transB", 0)]!
    : node.opType === "Conv"
      ? dims[0]!
      : dims[1]! * intAttribute(node, "group", 1);
  const name = node.input[2] ?? "";
  const bias = constantBehind(index, name);
  if (name !== "" && !isOwnBias(bias, channels, stored)) return undefined;
  return { layer: node.output[0]!, channels, axis: isGemm ? "last" : "second", node, input: 2, bias };
}

/** The constant that is added to a product with a constant, and to it alone. */
function addedBias(index: GraphIndex, node: NodeProto, stored: ReadonlySet<string>): BiasInput | undefined {
  const weight = index.constants.get(node.input[1] ?? "");
  const product = node.output[0]!;
  const [add, ...others] = index.consumers.get(product) ?? [];
  if (weight === undefined || add?.opType !== "Add" || !isStandardNode(add) || others.length > 0)
    return undefined;
  const input = add.input[0] === product ? 1 : 0;
  const bias = constantBehind(index, add.input[input]!);
  const channels = tensorDims(weight).at(-1)!;
  if (tensorDims(weight).length !== 2 || !isOwnBias(bias, channels, stored)) return undefined;
  return { layer: add.output[0]!, channels, axis: "last", node: add, input, bias };
}

function biasInputs(model: OnnxModel, stored: ReadonlySet<string>): BiasInput[] {
  const index = indexGraph(model.graph);
  const found = model.graph.node.flatMap((node) => {
    if (!isStandardNode(node)) return [];
    const place =
      node.opType === "MatMul"
        ? addedBias(index, node, stored)
        : ["Conv", "ConvTranspose", "Gemm"].includes(node.opType)
          ? ownBias(index, node, stored)
          : undefined;
    return place ?? [];
  });
  const turns = new Map(model.graph.node.map((node, turn) => [node, turn]));
  // A constant is added some nodes after the product.
  return found.sort((a, b) => turns.get(a.node)! - turns.get(b.node)!);
}

/**
 * The layers before the outputs whose own output can be shifted by a bias, in the order in which these are added: convolutions and `Gemm` with constant weights, with
 * a constant bias or without any, and products to whose output alone a constant is added.
 *
 * @param stored names of initialisers that the memory holds; biases among them are left alone
 */
export function biasPlaces(model: OnnxModel, stored: ReadonlySet<string>): BiasPlace[] {
  const needed = cloneModel(model);
  dropUnusedNodes(needed);
  return biasInputs(needed, stored).map(({ layer, channels, axis }) => ({ layer, channels, axis }));
}

/**
 * A copy of the model whose layers put out shifted values. The given model is left as it was.
 *
 * @param stored names of initialisers that the memory holds
 * @param shifts by `BiasPlace.layer`: [channels] numbers to add, each sum rounded once to float32
 * @returns undefined where a layer is no place for a bias, or has another number of channels
 */
export function shiftBiases(
  model: OnnxModel,
  stored: ReadonlySet<string>,
  shifts: ReadonlyMap<string, ArrayLike<number>>,
): OnnxModel | undefined {
  const copy = cloneModel(model);
  const names = uniqueNames(copy);
  const places = new Map(biasInputs(copy, stored).map((place) => [place.layer, place]));
  for (const [layer, shift] of shifts) {
    const place = places.get(layer);
    if (place?.channels !== shift.length) return undefined;
    const { node, input, bias, channels } = place;
    const before = bias === undefined ? new Float32Array(channels) : floatData(bias);
    const name = names.fresh(`${layer}.shifted_bias`);
    const dims = bias === undefined ? [channels] : tensorDims(bias);
    copy.graph.initializer.push(
      floatTensor(
        name,
        dims,
        Float32Array.from(before, (b, c) => b + shift[c]!),
      ),
    );
    node.input[input] = name;
  }
  return copy;
}
