/**
 * @file Puts the chosen tensors of a model into the memory, and in their place float32 initialisers that trials can
 * overwrite.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { numberFormat, type NumberFormat } from "../channel/index.ts";
import { adoptCodes, adoptIntegers, decodedType, directDecoding, hasOtherUses } from "./adopt.ts";
import { broadcastSteps, type GraphPart } from "./arithmetic.ts";
import { isCodeType } from "./codes.ts";
import { intAttribute, makeNode } from "./graph.ts";
import { computedTensor } from "./lazy.ts";
import type { OnnxModel } from "./model.ts";
import { stepLayoutOf } from "./quantised/index.ts";
import { constantBehind, replaceNodes, uniqueNames, type ModelIndex, type UniqueNames } from "./scopes.ts";
import { type StepLayout, cleanWeights, type StoredTensor } from "../stored/index.ts";
import type { Selection } from "./selection.ts";
import { quantiseTensor, type Granularity } from "./quantise.ts";
import { DataType, elementCount, isFloatTensor, tensorDims } from "./tensor.ts";
import type { FoundTensor } from "./weights.ts";

/** How tensors are stored, and which. */
export interface StorageOptions extends Selection {
  /**
   * A name of `numberFormat` for all float weights and embeddings. Unless given, float16 and bfloat16 tensors are
   * stored as they are and the others as "int8".
   */
  readonly format?: string | undefined;
  /** The same for biases, normalisation parameters and scales; unless given, "bf16" for those of 32 and 64 bits. */
  readonly parameterFormat?: string | undefined;
  /** One quantisation step a tensor (default) or an output channel. */
  readonly granularity?: Granularity;
}

/** The edits that storing makes to a model. */
class Storing {
  readonly names: UniqueNames;
  readonly index: ModelIndex;
  readonly stored: readonly FoundTensor[];
  /** Constants that go, by name, and what comes in. */
  readonly removed = new Set<string>();
  readonly added: TensorProto[] = [];
  /** Nodes at the beginning of the main graph. */
  readonly first: NodeProto[] = [];
  readonly replaced = new Map<NodeProto, readonly NodeProto[]>();

  constructor(model: OnnxModel, index: ModelIndex, stored: readonly FoundTensor[]) {
    this.names = uniqueNames(model);
    this.index = index;
    this.stored = stored;
  }

  /** Puts the clean values of a tensor under a name of the network, in the type the network reads them in. */
  place(tensor: StoredTensor, value: string, elementType: DataType): StoredTensor {
    const runtimeName = elementType === DataType.FLOAT ? value : this.names.fresh(`${value}.float32`);
    this.added.push(computedTensor(runtimeName, tensor.dims, () => cleanWeights(tensor)));
    if (elementType !== DataType.FLOAT)
      this.first.push(makeNode("Cast", [runtimeName], [value], { to: elementType }));
    return { ...tensor, runtimeName };
  }

  apply(model: OnnxModel): void {
    const { graph } = model;
    graph.initializer = [...graph.initializer.filter((t) => !this.removed.has(t.name)), ...this.added];
    replaceNodes(graph, (node) => this.replaced.get(node));
    graph.node.unshift(...this.first);
  }
}

/**
 * Stores tensors. Edits the model: each has a float32 initialiser afterwards, and what reads it reads that, cast to
 * its own type where that is another.
 */
export function storeTensors(
  model: OnnxModel,
  index: ModelIndex,
  chosen: readonly FoundTensor[],
  options: StorageOptions,
): StoredTensor[] {
  const storing = new Storing(model, index, chosen);
  const tensors = chosen.map((found) => {
    if (isFloatTensor(found.tensor)) {
      const { format, granularity } = floatStorage(found, options);
      storing.removed.add(found.name);
      const stored = quantiseTensor(found, format, granularity);
      return storing.place(stored, found.name, found.tensor.dataType);
    }
    return isCodeType(found.tensor.dataType) ? storeCodes(storing, found) : storeIntegers(storing, found);
  });
  storing.apply(model);
  return tensors;
}

const isWeight = ({ role }: FoundTensor) => role === "weight" || role === "embedding";

/** How a float tensor is stored: as asked for, or as it is stored already, or in the usual format. */
export function floatStorage(
  found: FoundTensor,
  options: StorageOptions,
): { format: NumberFormat; granularity: Granularity } {
  const asked = isWeight(found) ? options.format : options.parameterFormat;
  const own = ownFormats[found.tensor.dataType];
  const format = numberFormat(asked ?? own ?? (isWeight(found) ? "int8" : "bf16"));
  return { format, granularity: isWeight(found) ? (options.granularity ?? "tensor") : "tensor" };
}

/** The formats of tensors that are stored as they are unless told. */
const ownFormats: Readonly<Partial<Record<number, string>>> = {
  [DataType.FLOAT16]: "fp16",
  [DataType.BFLOAT16]: "bf16",
};

function storeIntegers(storing: Storing, found: FoundTensor): StoredTensor {
  storing.removed.add(found.name);
  return storing.place(adoptIntegers(found), found.name, found.tensor.dataType);
}

/** Codes that the model has already: with the steps they are read with, or as numbers of their own. */
function storeCodes(storing: Storing, found: FoundTensor): StoredTensor {
  const { index } = storing;
  const { name, dequantisers } = found;
  const decoding = directDecoding(found, index, storing.stored);
  if (decoding !== undefined) return storeDecoded(storing, found, adoptCodes(found, decoding));
  storing.removed.add(name);
  const uses = index.uses.get(name) ?? [];
  const isCast = uses.every(({ node }) => node.opType === "Cast" && isFloatCast(node));
  const stored = adoptCodes(found);
  // A cast of floats does nothing, and leaves the network differentiable.
  if (isCast && dequantisers.length === 0) return storing.place(stored, name, DataType.FLOAT);
  if (dequantisers.length === 0 || hasOtherUses(index, found)) {
    const placed = storing.place(stored, name, found.tensor.dataType);
    for (const node of dequantisers) decodeByArithmetic(storing, node, found, placed.runtimeName);
    return placed;
  }
  const value = storing.names.fresh(`${name}.float32`);
  for (const node of dequantisers) decodeByArithmetic(storing, node, found, value);
  return storing.place(stored, value, DataType.FLOAT);
}

const isFloatCast = (node: NodeProto) =>
  [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE].includes(
    intAttribute(node, "to", 0),
  );

/** Weights in place of what their `DequantizeLinear` put out. */
function storeDecoded(storing: Storing, found: FoundTensor, stored: StoredTensor): StoredTensor {
  const { index, names } = storing;
  const first = found.dequantisers[0]!;
  storing.removed.add(found.name);
  // What is computed in a subgraph cannot be read outside it.
  const isOuter = index.mainNodes.has(first);
  const value = isOuter ? first.output[0]! : names.fresh(`${found.name}.decoded`);
  for (const node of found.dequantisers) {
    const isSource = isOuter && node === first;
    storing.replaced.set(node, isSource ? [] : [makeNode("Identity", [value], [node.output[0]!])]);
  }
  return storing.place(stored, value, decodedType(first, index));
}

/** Writes a `DequantizeLinear` as arithmetic on the codes' values. */
function decodeByArithmetic(storing: Storing, node: NodeProto, found: FoundTensor, codes: string): void {
  const { index, names } = storing;
  const [, scale = "", zero = ""] = node.input;
  const part: GraphPart = { nodes: [], initialisers: [] };
  const type = decodedType(node, index);
  const layout = arithmeticLayout(index, node, found.dims);
  let value = codes;
  if (zero !== "") {
    const offset = names.fresh(`${zero}.float`);
    part.nodes.push(makeNode("Cast", [zero], [offset], { to: DataType.FLOAT }));
    const centred = names.fresh(`${node.output[0]!}.centred`);
    part.nodes.push(makeNode("Sub", [value, broadcastSteps(part, names, layout, offset)], [centred]));
    value = centred;
  }
  const scaleType = constantBehind(index, scale)?.dataType ?? type;
  if (scaleType !== DataType.FLOAT) {
    const cast = names.fresh(`${node.output[0]!}.cast`);
    part.nodes.push(makeNode("Cast", [value], [cast], { to: scaleType }));
    value = cast;
  }
  const step = broadcastSteps(part, names, layout, scale);
  const product = scaleType === type ? node.output[0]! : names.fresh(`${node.output[0]!}.product`);
  part.nodes.push(makeNode("Mul", [value, step], [product]));
  if (scaleType !== type) part.nodes.push(makeNode("Cast", [product], [node.output[0]!], { to: type }));
  storing.added.push(...part.initialisers);
  storing.replaced.set(node, part.nodes);
}

/** Where the scales of a node apply, also when they are computed while the model runs. */
function arithmeticLayout(index: ModelIndex, node: NodeProto, dims: readonly number[]): StepLayout {
  const scale = constantBehind(index, node.input[1] ?? "");
  if (scale !== undefined) {
    const layout = stepLayoutOf(node, dims, tensorDims(scale));
    if (layout !== undefined) return layout;
  }
  const blockSize = intAttribute(node, "block_size", 0);
  const axis = intAttribute(node, "axis", 1);
  const channelAxis = axis < 0 ? axis + dims.length : axis;
  if (channelAxis >= dims.length || elementCount(dims) === 0)
    return { dims, channelAxis: undefined, blockSize: undefined };
  return { dims, channelAxis, blockSize: blockSize === 0 ? undefined : blockSize };
}
