/**
 * @file What a model takes and what it is judged by.
 */
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema, type ValueInfoProto } from "onnx-buf";
import { QtamlError } from "../errors.ts";
import { cloneModel, dataTypeName, indexGraph, type DataType, type OnnxModel } from "../onnx/index.ts";

/** Declared size of an axis: a number, the name of a size that is open, or undefined where nothing is said. */
export type DeclaredSize = number | string | undefined;

/** One input of a model. */
export interface ModelInput {
  readonly name: string;
  readonly elementType: DataType;
  /** Declared sizes, that of a batch included; undefined where even the number of axes is open. */
  readonly dims: readonly DeclaredSize[] | undefined;
}

/** The inputs of a model and the output that it is judged by. */
export interface ModelIo {
  /** All that have to be fed: inputs with a default value are left out. */
  readonly inputs: readonly ModelInput[];
  readonly output: string;
}

/** Declared sizes of a tensor. A size of zero or less stands for an open one, as some exporters write it. */
function declaredDims(value: ValueInfoProto): DeclaredSize[] | undefined {
  const tensor = value.type?.value.case === "tensorType" ? value.type.value.value : undefined;
  return tensor?.shape?.dim.map((d) => {
    if (d.value.case === "dimParam" && d.value.value !== "") return d.value.value;
    return d.value.case === "dimValue" && d.value.value > 0n ? Number(d.value.value) : undefined;
  });
}

function modelInput(value: ValueInfoProto): ModelInput {
  const kind = value.type?.value;
  if (kind?.case !== "tensorType") {
    throw new QtamlError(
      "unsupported-model",
      `Input "${value.name}" of the model is not a tensor (${kind?.case?.replace("Type", "") ?? "no type"}); export the model with tensors as inputs.`,
    );
  }
  return { name: value.name, elementType: kind.value.elemType, dims: declaredDims(value) };
}

/**
 * The inputs of a model, and its first output as the one to judge.
 *
 * @throws QtamlError `unsupported-model` when the model has no input or no output, or an input is not a tensor
 */
export function modelIo(model: OnnxModel): ModelIo {
  const constants = new Set(model.graph.initializer.map((t) => t.name));
  for (const sparse of model.graph.sparseInitializer) constants.add(sparse.values?.name ?? "");
  const inputs = model.graph.input.filter((i) => !constants.has(i.name));
  const [output] = model.graph.output;
  if (output === undefined || inputs.length === 0) {
    throw new QtamlError(
      "unsupported-model",
      `The model has ${inputs.length} inputs and ${model.graph.output.length} outputs; at least one of each is needed.`,
    );
  }
  return { inputs: inputs.map(modelInput), output: output.name };
}

/**
 * The model with one output: the one to judge it by. A value inside the model can be named as well.
 *
 * @param output name of the value; the model's first output unless given
 * @throws QtamlError `invalid-argument` when the model has no such value
 */
export function judgedModel(source: OnnxModel, output?: string): OnnxModel {
  const declared = output === undefined ? source.graph.output[0] : namedValue(source, output);
  const model = cloneModel(source);
  if (declared !== undefined) model.graph.output = [declared];
  return model;
}

function namedValue(model: OnnxModel, name: string): ValueInfoProto {
  const { graph } = model;
  const declared = [...graph.output, ...graph.valueInfo].find((v) => v.name === name);
  if (declared !== undefined) return declared;
  if (!indexGraph(graph).producer.has(name)) {
    throw new QtamlError(
      "invalid-argument",
      `The model computes no value "${name}"; its outputs are ${graph.output.map((o) => o.name).join(", ")}.`,
    );
  }
  // Without a type: the runtime infers it.
  return create(ValueInfoProtoSchema, { name });
}

/** A declared shape for messages: "[batch, 3, ?]". */
export function formatDims(dims: readonly DeclaredSize[] | undefined): string {
  return dims === undefined ? "any shape" : `[${dims.map((d) => d ?? "?").join(", ")}]`;
}

/** The inputs of a model for messages. */
export function formatInputs(io: ModelIo): string {
  return io.inputs.map((i) => `"${i.name}" ${dataTypeName(i.elementType)} ${formatDims(i.dims)}`).join(", ");
}
