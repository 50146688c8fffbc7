/**
 * @file Tensors whose bytes stay where they are until somebody asks for them: `rawData` is then an accessor that
 * reads, so that all code that takes a `TensorProto` works on them unchanged.
 */
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from "onnx-buf";
import { memorySource, readRange, type ByteRange, type ByteSource } from "../bytes/index.ts";
import { elementCount, floatTensor, type Dims } from "./tensor.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Where the bytes lie that an accessor reads. */
const rangeOfGetter = new WeakMap<object, ByteRange>();

/** Where deferred bytes lie. */
function deferredRange(tensor: TensorProto): ByteRange | undefined {
  const own: { get?: unknown } | undefined = Object.getOwnPropertyDescriptor(tensor, "rawData");
  return own?.get === undefined ? undefined : rangeOfGetter.get(own.get as object);
}

/**
 * Leaves a tensor's `rawData` where it is until it is asked for. What was read is kept as long as somebody holds it.
 * Setting `rawData` makes the tensor an ordinary one.
 */
export function deferRawData(tensor: TensorProto, range: ByteRange): void {
  let known: WeakRef<Bytes> | undefined;
  const get = (): Bytes => {
    const alive = known?.deref();
    if (alive !== undefined) return alive;
    const bytes = readRange(range);
    known = new WeakRef(bytes);
    return bytes;
  };
  function set(this: TensorProto, value: Bytes): void {
    Object.defineProperty(this, "rawData", { value, writable: true, enumerable: true, configurable: true });
  }
  rangeOfGetter.set(get, range);
  Object.defineProperty(tensor, "rawData", { get, set, enumerable: true, configurable: true });
}

/**
 * A float32 tensor whose elements are worked out when they are asked for.
 *
 * @param compute the elements in C order, the same at every call
 */
export function computedTensor(name: string, dims: Dims, compute: () => Float32Array): TensorProto {
  const length = 4 * elementCount(dims);
  const tensor = floatTensor(name, dims, new Float32Array(0));
  const source: ByteSource = {
    byteLength: length,
    readInto(offset, target) {
      const { buffer, byteOffset } = compute();
      target.set(new Uint8Array(buffer, byteOffset + offset, target.byteLength));
    },
  };
  deferRawData(tensor, { source, offset: 0, length });
  return tensor;
}

/** Whether the tensor's bytes are read only when they are asked for. */
export function isDeferred(tensor: TensorProto): boolean {
  return deferredRange(tensor) !== undefined;
}

/** Where the bytes of a tensor's `rawData` lie: in a file when they are deferred, otherwise in memory. */
export function rawRange(tensor: TensorProto): ByteRange {
  const range = deferredRange(tensor);
  if (range !== undefined) return range;
  const raw = tensor.rawData;
  return { source: memorySource(raw), offset: 0, length: raw.byteLength };
}

/** Bytes of a tensor's `rawData`, without reading them. */
export function rawLength(tensor: TensorProto): number {
  return deferredRange(tensor)?.length ?? tensor.rawData.byteLength;
}

/** Calls back for every tensor of a model: in graphs and subgraphs, functions, attributes, sparse tensors, training. */
export function forEachTensor(model: ModelProto, visit: (tensor: TensorProto) => void): void {
  const ofSparse = ({ values, indices }: SparseTensorProto) => {
    if (values !== undefined) visit(values);
    if (indices !== undefined) visit(indices);
  };
  const ofAttribute = (attribute: AttributeProto) => {
    if (attribute.t !== undefined) visit(attribute.t);
    attribute.tensors.forEach(visit);
    if (attribute.g !== undefined) ofGraph(attribute.g);
    attribute.graphs.forEach(ofGraph);
    if (attribute.sparseTensor !== undefined) ofSparse(attribute.sparseTensor);
    attribute.sparseTensors.forEach(ofSparse);
  };
  const ofNode = (node: NodeProto) => node.attribute.forEach(ofAttribute);
  const ofGraph = (graph: GraphProto) => {
    graph.initializer.forEach(visit);
    graph.sparseInitializer.forEach(ofSparse);
    graph.node.forEach(ofNode);
  };
  if (model.graph !== undefined) ofGraph(model.graph);
  for (const { initialization, algorithm } of model.trainingInfo) {
    if (initialization !== undefined) ofGraph(initialization);
    if (algorithm !== undefined) ofGraph(algorithm);
  }
  for (const { node, attributeProto } of model.functions) {
    node.forEach(ofNode);
    attributeProto.forEach(ofAttribute);
  }
}

/**
 * A copy of a message that can be edited without touching the original. Tensors share their data with it, read or
 * not: replace a tensor's fields, do not write into them.
 */
export function copyMessage<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => copyMessage(item)) as T;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const copy = Object.create(Object.getPrototypeOf(value) as object) as T & object;
  // Which fields are set is known by which are the object's own; those unset come from the prototype.
  if ((value as { $typeName?: string }).$typeName === "onnx.TensorProto") {
    return Object.defineProperties(copy, Object.getOwnPropertyDescriptors(value));
  }
  for (const [key, item] of Object.entries(value)) {
    (copy as Record<string, unknown>)[key] = copyMessage(item as unknown);
  }
  return copy;
}
