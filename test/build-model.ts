/**
 * @file Small ONNX models for tests, the fixture networks, and a way to run either.
 */
import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { DataType, makeValueInfo, parseModel, serialiseModel, type OnnxModel } from "../src/onnx/index.ts";

/** What a model consists of; the rest has defaults. */
export interface ModelParts {
  readonly nodes: readonly NodeProto[];
  readonly initialisers?: readonly TensorProto[];
  /** Inputs by name, with their dimensions (float32), or as they are. */
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>> | readonly ValueInfoProto[];
  /** Names of the outputs (float32 of any rank), or as they are. */
  readonly outputs: readonly (string | ValueInfoProto)[];
  readonly opset?: number;
  readonly irVersion?: number;
}

/** A model of the given parts: operator set 17 and IR version 8 unless told. */
export function buildModel(parts: ModelParts): OnnxModel {
  const { nodes, initialisers = [], inputs = {}, outputs, opset = 17, irVersion = 8 } = parts;
  return create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) })],
    graph: create(GraphProtoSchema, {
      name: "test",
      node: [...nodes],
      initializer: [...initialisers],
      input: Array.isArray(inputs)
        ? [...(inputs as readonly ValueInfoProto[])]
        : Object.entries(inputs as Readonly<Record<string, readonly (number | string)[]>>).map(
            ([name, dims]) => makeValueInfo(name, DataType.FLOAT, dims),
          ),
      output: outputs.map((o) => (typeof o === "string" ? makeValueInfo(o, DataType.FLOAT) : o)),
    }),
  }) as OnnxModel;
}

/** Float32 data of an input with its dimensions, or a tensor of the runtime. */
export type Feed = Tensor | { readonly dims: readonly number[]; readonly data: Float32Array };

/** Runs a model in onnxruntime-node on one thread and returns its outputs by name. */
export async function runModel(
  model: OnnxModel,
  feeds: Readonly<Record<string, Feed>> = {},
  graphOptimizationLevel: "all" | "disabled" = "all",
): Promise<Readonly<Record<string, Tensor>>> {
  const session = await InferenceSession.create(serialiseModel(model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    graphOptimizationLevel,
  });
  try {
    const inputs = Object.entries(feeds).map(([name, feed]) => [
      name,
      feed instanceof Tensor ? feed : new Tensor("float32", feed.data, feed.dims),
    ]);
    return await session.run(Object.fromEntries(inputs) as Record<string, Tensor>);
  } finally {
    await session.release();
  }
}

/** Float32 values of an output. */
export function floats(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("not a float32 output");
  return tensor.data;
}

/** The fixture networks (test/fixtures/README.md). */
export const fixtureNames = [
  "lenet",
  "vgg",
  "vgg-bn",
  "resnet",
  "mobilenet",
  "transformer",
  "transformer-cls",
] as const;

/** The bytes of a fixture network. */
export function fixtureBytes(name: (typeof fixtureNames)[number]): Buffer {
  return readFileSync(new URL(`fixtures/${name}.onnx`, import.meta.url));
}

/** What PyTorch says of a fixture network. */
interface Reference {
  readonly shape: number[];
  readonly x: number[];
  readonly logits: number[][];
  readonly jacobians: { parameter: string; initialiser: string | null; shape: number[] }[];
}

/** A fixture network with its four images, PyTorch's logits and its parameters. */
export function fixture(name: (typeof fixtureNames)[number]) {
  const reference = JSON.parse(
    readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8"),
  ) as Reference;
  const model = parseModel(fixtureBytes(name), name);
  return {
    model,
    images: { dims: reference.shape, data: Float32Array.from(reference.x) },
    logits: Float64Array.from(reference.logits.flat()),
    jacobians: reference.jacobians,
    inputName: model.graph.input[0]!.name,
    outputName: model.graph.output[0]!.name,
  };
}

/** Largest difference between two outputs, as a share of the second's largest magnitude. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  return difference / size;
}
