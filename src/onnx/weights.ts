/**
 * @file Finds the tensors that the memory may hold: every constant of a model, what it is to the network, and through
 * which operators it gets there.
 */
import type { NodeProto, TensorProto } from "onnx-buf";
import { isCodeType } from "./codes.ts";
import { intAttribute, intsAttribute, isStandardNode, nestedGraphs } from "./graph.ts";
import { isElementwise, outputChannelAxis, roleAt } from "./roles.ts";
import { constantBehind, type ModelIndex, type ValueUse } from "./scopes.ts";
import { dataTypeName, DataType, elementCount, integerData, isFloatTensor, tensorDims } from "./tensor.ts";
import { tensorRoles, type TensorRole } from "../stored/index.ts";

/** A constant tensor that the memory may hold. */
export interface FoundTensor {
  /** Name of the initialiser, or of the output of the `Constant` node. */
  readonly name: string;
  readonly tensor: TensorProto;
  readonly dims: readonly number[];
  readonly role: TensorRole;
  /** Uses in graph order; tied weights have several and share one set of faults. */
  readonly uses: readonly ValueUse[];
  /** Axis of the stored tensor that runs over output channels; undefined where the uses disagree or it is lost. */
  readonly channelAxis: number | undefined;
  /** Every `DequantizeLinear` that decodes the tensor: quantisation tools write one for each use. */
  readonly dequantisers: readonly NodeProto[];
}

/** A constant that the memory does not hold. */
export interface AbsentTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly count: number;
  /** What it is, where that can be asked for by role. */
  readonly role: TensorRole | undefined;
  /** Why it is left out, such as "constant operand of Pad". */
  readonly reason: string;
}

/** Operators that pass on one constant, rearranged, decoded or in another type. */
const rearranging: ReadonlySet<string> = new Set([
  "Identity",
  "Transpose",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Cast",
  "CastLike",
  "DequantizeLinear",
]);

const random = /^(Random|Bernoulli|Multinomial)/;

/** Whether a node is a `DequantizeLinear`, of whichever domain. */
export function isDequantiser(node: NodeProto): boolean {
  return node.opType === "DequantizeLinear" && (isStandardNode(node) || node.domain === "com.microsoft");
}

/**
 * Names of all values that do not depend on the model's inputs, constants included; decoded codes count as such even
 * where their scale is computed while the model runs.
 */
function constantValues(index: ModelIndex): Set<string> {
  const known = new Set(index.constants.keys());
  for (const node of index.nodes) {
    const inputs = (isDequantiser(node) ? node.input.slice(0, 1) : node.input).filter((name) => name !== "");
    if (inputs.length === 0 || random.test(node.opType) || nestedGraphs(node).length > 0) continue;
    if (inputs.every((name) => known.has(name))) for (const name of node.output) known.add(name);
  }
  return known;
}

/** Whether a node reads numbers from a list by constant indices: the numbers are no tensor of the network's. */
function isLookUp(index: ModelIndex, node: NodeProto): boolean {
  return node.opType === "Gather" && index.constants.get(node.input[0]!)?.dims.length === 1;
}

/** A constant that reaches a place, and the axis of it that arrives as the axis asked for. */
interface Leaf {
  readonly name: string;
  readonly tensor: TensorProto;
  readonly axis: number | undefined;
  /** From the place back to the constant, where only rearranging operators lie between. */
  readonly path: readonly NodeProto[] | undefined;
}

/** Follows a value back to the constants that it is computed from. */
function leavesOf(
  index: ModelIndex,
  constant: ReadonlySet<string>,
  value: string,
  axisOf: (dims: readonly number[]) => number | undefined,
): Leaf[] {
  const leaves: Leaf[] = [];
  const seen = new Set<string>();
  const waiting: { name: string; path: readonly NodeProto[] | undefined }[] = [{ name: value, path: [] }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { name, path } = next;
    if (seen.has(name) || !constant.has(name)) continue;
    seen.add(name);
    const tensor = index.constants.get(name);
    const node = index.producer.get(name);
    if (tensor !== undefined) {
      const axis = path === undefined ? undefined : axisBefore(index, path, tensorDims(tensor), axisOf);
      leaves.push({ name, tensor, axis, path });
    } else if (node !== undefined && rearranging.has(node.opType)) {
      waiting.push({ name: node.input[0]!, path: path === undefined ? undefined : [...path, node] });
    } else if (node !== undefined && !isLookUp(index, node)) {
      // Popped from the end: in the order of the inputs.
      for (const input of [...node.input].reverse()) waiting.push({ name: input, path: undefined });
    }
  }
  return leaves;
}

/** Dimensions of what a rearranging operator makes of a constant; undefined where they are not known. */
function rearrangedDims(index: ModelIndex, node: NodeProto, dims: readonly number[]): number[] | undefined {
  switch (node.opType) {
    case "Transpose":
      return permutation(node, dims).map((axis) => dims[axis]!);
    case "Flatten": {
      const axis = intAttribute(node, "axis", 1);
      const split = axis < 0 ? axis + dims.length : axis;
      return [elementCount(dims.slice(0, split)), elementCount(dims.slice(split))];
    }
    case "Reshape": {
      const shape = listAt(index, node, 1);
      const copied = intAttribute(node, "allowzero", 0) === 0;
      const stated = shape?.map((d, axis) => (d === 0 && copied ? (dims[axis] ?? 0) : d));
      const rest = stated?.filter((d) => d !== -1) ?? [];
      return stated?.map((d) => (d === -1 ? elementCount(dims) / elementCount(rest) : d));
    }
    case "Squeeze": {
      const axes = intsAttribute(node, "axes") ?? listAt(index, node, 1);
      if (axes === undefined && (node.input[1] ?? "") !== "") return undefined;
      const dropped = new Set(axes?.map((axis) => (axis < 0 ? axis + dims.length : axis)));
      return dims.filter((d, axis) => (axes === undefined ? d !== 1 : !dropped.has(axis)));
    }
    case "Unsqueeze": {
      const axes = intsAttribute(node, "axes") ?? listAt(index, node, 1);
      const rank = dims.length + (axes?.length ?? 0);
      const added = new Set(axes?.map((axis) => (axis < 0 ? axis + rank : axis)));
      const kept = dims.values();
      return axes && Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (kept.next().value ?? 1)));
    }
    default:
      return [...dims];
  }
}

/** A constant list of integers at an input of a node. */
function listAt(index: ModelIndex, node: NodeProto, input: number): number[] | undefined {
  const tensor = constantBehind(index, node.input[input] ?? "");
  return tensor === undefined ? undefined : integerData(tensor);
}

const permutation = (node: NodeProto, dims: readonly number[]) =>
  intsAttribute(node, "perm") ?? dims.map((_, axis) => dims.length - 1 - axis);

/** The axis of a constant that becomes an axis of what rearranging operators make of it. */
function axisBefore(
  index: ModelIndex,
  path: readonly NodeProto[],
  dims: readonly number[],
  axisOf: (dims: readonly number[]) => number | undefined,
): number | undefined {
  const shapes: (readonly number[])[] = [dims];
  for (const node of path.toReversed()) {
    const shape = rearrangedDims(index, node, shapes.at(-1)!);
    if (shape === undefined) return undefined;
    shapes.push(shape);
  }
  let after = shapes.pop()!;
  let axis = axisOf(after);
  for (const node of path) {
    const before = shapes.pop()!;
    if (axis === undefined) return undefined;
    axis = node.opType === "Transpose" ? permutation(node, before)[axis] : sameAxis(before, after, axis);
    after = before;
  }
  return axis;
}

/** The axis that a reshape leaves in its place: as long as the other, with as many elements before it. */
function sameAxis(before: readonly number[], after: readonly number[], axis: number): number | undefined {
  if (before.length === after.length && before.every((d, i) => d === after[i])) return axis;
  const ahead = elementCount(after.slice(0, axis));
  const found = before.findIndex(
    (d, i) => d === after[axis] && elementCount(before.slice(0, i)) === ahead && d > 1,
  );
  return found < 0 ? undefined : found;
}

interface Candidate {
  readonly tensor: TensorProto;
  role: TensorRole;
  readonly uses: ValueUse[];
  channelAxis: number | undefined;
}

/**
 * The constants that are parameters of the network, in the order of their first use, each with its role. Those that
 * reach an operator through constant arithmetic count as well: the memory holds what the arithmetic starts from.
 */
export function findTensors(index: ModelIndex): FoundTensor[] {
  const constant = constantValues(index);
  const found = new Map<string, Candidate>();
  const add = (leaf: Leaf, role: TensorRole, use: ValueUse) => {
    if (isEmpty(leaf.tensor)) return;
    const known = found.get(leaf.name);
    if (known === undefined) {
      found.set(leaf.name, { tensor: leaf.tensor, role, uses: [use], channelAxis: leaf.axis });
      return;
    }
    known.uses.push(use);
    if (known.channelAxis !== leaf.axis) known.channelAxis = undefined;
    if (tensorRoles.indexOf(role) < tensorRoles.indexOf(known.role)) known.role = role;
  };
  for (const node of index.nodes) {
    const isFolded = node.output.some((name) => constant.has(name));
    node.input.forEach((value, input) => {
      const role = constant.has(value) ? roleAt(node, input) : undefined;
      if (role === undefined) return;
      const isQuantisation = role === "scale" || role === "zero-point";
      if (isFolded && !isQuantisation) return;
      const isWeight = role === "weight" || role === "embedding";
      const leaves = leavesOf(index, constant, value, (dims) =>
        isWeight ? outputChannelAxis(node, input, dims) : undefined,
      );
      if (isQuantisation) {
        for (const leaf of leaves) if (fitsQuantisation(leaf, role)) add(leaf, role, { node, input });
      } else {
        for (const [leaf, own] of rolesOf(index, leaves, role, node)) add(leaf, own, { node, input });
      }
    });
  }
  addIntegers(index, found);
  return Array.from(found, ([name, { tensor, ...rest }]) => ({
    name,
    tensor,
    dims: tensorDims(tensor),
    ...rest,
    dequantisers: isCodeType(tensor.dataType) ? dequantisersOf(index, name) : [],
  }));
}

const isEmpty = (tensor: TensorProto) => tensorDims(tensor).includes(0);

function fitsQuantisation({ tensor, path }: Leaf, role: TensorRole): boolean {
  return path !== undefined && (role === "scale" ? isFloatTensor(tensor) : isCodeType(tensor.dataType));
}

/** Which of the constants that reach one input are parameters, and of what kind. */
function rolesOf(
  index: ModelIndex,
  leaves: readonly Leaf[],
  role: TensorRole,
  node: NodeProto,
): [Leaf, TensorRole][] {
  const count = ({ tensor }: Leaf) => elementCount(tensorDims(tensor));
  const numbers = leaves.filter(
    ({ tensor, path }) =>
      isFloatTensor(tensor) ||
      (isCodeType(tensor.dataType) &&
        (path === undefined || path.some((n) => n.opType === "Cast" || isDequantiser(n)))),
  );
  const parameters = numbers.filter((leaf) => {
    const isArithmetic = leaf.path === undefined || isElementwise(node);
    const rank = leaf.tensor.dims.length;
    if (role === "embedding" && leaf.path !== undefined) return rank >= 2;
    return isArithmetic ? count(leaf) > 1 : rank >= 1 || leaf.path.length > 0;
  });
  // The unit of a bias of 32 bits is a product of scales.
  if (role === "bias" && leaves.some(({ tensor }) => isWideBias(index, tensor))) {
    return parameters.map((leaf) => [leaf, "scale"]);
  }
  // Integers in constant arithmetic are codes; what they are combined with are their scales and zero points.
  const codes = parameters.filter(({ tensor, path }) => path === undefined && isCodeType(tensor.dataType));
  const main = codes.reduce<Leaf | undefined>(
    (best, leaf) => (best === undefined || count(leaf) > count(best) ? leaf : best),
    undefined,
  );
  return parameters.map((leaf) => {
    if (main === undefined || leaf === main) return [leaf, role];
    return [leaf, isCodeType(leaf.tensor.dataType) ? "zero-point" : "scale"];
  });
}

/** Operators between a quantised layer's bias and the float operator that adds it. */
const decoding: ReadonlySet<string> = new Set(["Cast", "DequantizeLinear", "Mul", "Identity", "Reshape"]);

/** Inputs of quantised operators that are int32 biases. */
const wideInputs: Readonly<Record<string, number>> = { QLinearConv: 8, QGemm: 6 };

/** Whether a constant is the bias of a quantised layer, in 32 bits. */
function isWideBias(index: ModelIndex, { name, dataType }: TensorProto): boolean {
  if (dataType !== DataType.INT32) return false;
  const values = [name];
  for (const value of values) {
    for (const { node, input } of index.uses.get(value) ?? []) {
      if (wideInputs[node.opType] === input) return true;
      if (value !== name && !isElementwise(node) && roleAt(node, input) === "bias") return true;
      const [output = ""] = node.output;
      if (decoding.has(node.opType) && !values.includes(output)) values.push(output);
    }
  }
  return false;
}

/** Adds shapes, axes and indices that 16 bits can hold. */
function addIntegers(index: ModelIndex, found: Map<string, Candidate>): void {
  for (const [name, tensor] of index.constants) {
    const uses = index.uses.get(name);
    const isInteger = tensor.dataType === DataType.INT64 || tensor.dataType === DataType.INT32;
    if (found.has(name) || uses === undefined || !isInteger || isEmpty(tensor)) continue;
    if (isWideBias(index, tensor)) continue;
    if (!integerData(tensor).every((v) => v >= -32768 && v <= 32767)) continue;
    found.set(name, { tensor, role: "integer", uses: [...uses], channelAxis: undefined });
  }
}

/** The `DequantizeLinear` nodes that decode a constant, directly or through `Identity`, in graph order. */
function dequantisersOf(index: ModelIndex, name: string): NodeProto[] {
  const decoders = new Set<NodeProto>();
  const names = [name];
  for (const value of names) {
    for (const { node, input } of index.uses.get(value) ?? []) {
      if (input === 0 && isDequantiser(node)) decoders.add(node);
      else if (node.opType === "Identity" && !names.includes(node.output[0]!)) names.push(node.output[0]!);
    }
  }
  return index.nodes.filter((node) => decoders.has(node));
}

/** Why a constant that was found to be no parameter is not in the memory. */
export function absenceReason(index: ModelIndex, tensor: TensorProto): string {
  const [use] = index.uses.get(tensor.name) ?? [];
  const operator = use?.node.opType ?? "the output";
  if (isWideBias(index, tensor)) return "biases of 32 bits, beyond the 16 of the widest format";
  if (isEmpty(tensor)) return "no elements";
  if (isFloatTensor(tensor)) return `constant operand of ${operator}`;
  if (isCodeType(tensor.dataType)) return `codes read by ${operator}`;
  return `${dataTypeName(tensor.dataType)} operand of ${operator}`;
}
