/** @file The forward model as the rules see it; notes which values the adjoint needs and whence it gets them. */
import { create } from "@bufbuild/protobuf";
import { TensorProtoSchema, type NodeProto, type TensorProto, type ValueInfoProto } from "onnx-buf";
import {
  attribute,
  intsAttribute,
  makeNode,
  makeValueInfo,
  type GraphIndex,
  DataType,
  floatData,
  floatTensor,
  integerData,
  isFloatTensor,
  tensorDims,
  type Dims,
} from "../onnx/index.ts";
import { NoRule, type ForwardValues } from "./rule.ts";
import type { AdjointBuilder } from "./builder.ts";
import type { ProbedValue } from "./probe.ts";

/** Operators that leave a constant's elements as they are; the adjoint repeats them so that it stays constant. */
const rearrangements = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"]);

/** Element types under the runtime's names. */
const runtimeTypes: Readonly<Record<string, DataType>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int4: DataType.INT4,
  uint4: DataType.UINT4,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  int16: DataType.INT16,
  uint16: DataType.UINT16,
  int32: DataType.INT32,
  uint32: DataType.UINT32,
  int64: DataType.INT64,
  uint64: DataType.UINT64,
  bool: DataType.BOOL,
};

/** A value handed from the tape to the adjoint. */
interface Taped {
  readonly type: DataType;
  readonly dims: Dims;
  /** Computes it from the forward model's values, where it is not one of them. */
  readonly node?: NodeProto;
}

/** Reads the forward model on behalf of the rules. */
export class ForwardReader implements ForwardValues {
  /** Values the rules have asked for that are not constant, by name. */
  readonly taped = new Map<string, Taped>();
  readonly #index: GraphIndex;
  readonly #probed: ReadonlyMap<string, ProbedValue>;
  readonly #b: AdjointBuilder;
  readonly #repeated = new Map<string, string>();

  constructor(index: GraphIndex, probed: ReadonlyMap<string, ProbedValue>, b: AdjointBuilder) {
    this.#index = index;
    this.#probed = probed;
    this.#b = b;
  }

  dims(name: string): Dims {
    const probed = this.#probed.get(name)?.dims;
    if (probed !== undefined) return probed;
    const constant = this.#index.constants.get(name);
    if (constant === undefined) throw new NoRule(`the shape of "${name}" is not known`);
    return tensorDims(constant);
  }

  #tape(name: string, type: DataType): string {
    if (!this.taped.has(name)) this.taped.set(name, { type, dims: this.dims(name) });
    return name;
  }

  type(name: string): DataType {
    const constant = this.#index.constants.get(name);
    if (constant !== undefined) return constant.dataType;
    return runtimeTypes[this.#probed.get(name)?.type ?? "float32"] ?? DataType.UNDEFINED;
  }

  /** Hands a value over in another element type. */
  #converted(name: string, type: DataType, prefix: string): string {
    const converted = `qtaml.${prefix}.${name}`;
    const node = makeNode("Cast", [name], [converted], { to: type });
    this.taped.set(converted, { type, dims: this.dims(name), node });
    return converted;
  }

  #embed(tensor: TensorProto, name: string): string {
    if (!this.#b.initialisers.has(name)) {
      const { $typeName: _, $unknown: __, ...fields } = tensor;
      this.#b.initialisers.set(name, create(TensorProtoSchema, { ...fields, name }));
    }
    return name;
  }

  /** A constant, or a rearrangement of one, as a value of the adjoint. */
  #constant(name: string): string | undefined {
    const tensor = this.#index.constants.get(name);
    if (tensor !== undefined) {
      if (tensor.dataType === DataType.FLOAT) return this.#embed(tensor, name);
      return isFloatTensor(tensor)
        ? this.#embed(floatTensor(name, tensorDims(tensor), floatData(tensor)), name)
        : undefined;
    }
    const known = this.#repeated.get(name);
    if (known !== undefined) return known;
    const node = this.#index.producer.get(name);
    if (node === undefined || !rearrangements.has(node.opType) || node.domain !== "") return undefined;
    const source = this.#constant(node.input[0]!);
    if (source === undefined) return undefined;
    const rank = this.dims(node.input[0]!).length;
    const backwards = Array.from({ length: rank }, (_, i) => rank - 1 - i);
    const value =
      node.opType === "Transpose"
        ? this.#b.transpose(source, intsAttribute(node, "perm") ?? backwards)
        : this.#b.reshape(source, this.dims(name));
    this.#repeated.set(name, value);
    return value;
  }

  value(name: string): string {
    const constant = this.#constant(name);
    if (constant !== undefined) return constant;
    return this.type(name) === DataType.FLOAT
      ? this.#tape(name, DataType.FLOAT)
      : this.#converted(name, DataType.FLOAT, "float32");
  }

  condition(name: string): string {
    const tensor = this.#index.constants.get(name);
    return tensor === undefined ? this.#tape(name, DataType.BOOL) : this.#embed(tensor, name);
  }

  indices(name: string): string {
    const tensor = this.#index.constants.get(name);
    if (tensor?.dataType === DataType.INT64) return this.#embed(tensor, name);
    return this.#converted(name, DataType.INT64, "int64");
  }

  integers(name: string): readonly number[] | undefined {
    const tensor = this.#index.constants.get(name);
    return tensor === undefined || isFloatTensor(tensor)
      ? this.#probed.get(name)?.integers
      : integerData(tensor);
  }

  numbers(name: string): readonly number[] | undefined {
    const tensor = this.#index.constants.get(name);
    if (tensor !== undefined)
      return isFloatTensor(tensor) ? Array.from(floatData(tensor)) : integerData(tensor);
    const node = this.#index.producer.get(name);
    if (node?.opType !== "Constant") return undefined;
    const one = attribute(node, "value_float")?.f ?? attribute(node, "value_int")?.i;
    const many = attribute(node, "value_floats")?.floats ?? attribute(node, "value_ints")?.ints;
    return one === undefined ? many?.map(Number) : [Number(one)];
  }

  producer(name: string): string | undefined {
    return this.#index.producer.get(name)?.opType;
  }

  /** The adjoint's input for a taped value. */
  valueInfo(name: string): ValueInfoProto {
    const { type, dims } = this.taped.get(name)!;
    return makeValueInfo(name, type, dims);
  }
}
