/**
 * @file One test of the ONNX project: read and written without a change of bytes or outputs, and taken through the
 * memory where it has weights.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProtoSchema, type TensorProto } from "onnx-buf";
import { type InferenceSession, Tensor } from "onnxruntime-node";
import { assess } from "../../src/assessment/index.ts";
import { makePlan } from "../../src/planning/index.ts";
import { symmetricFlips } from "../../src/channel/index.ts";
import { hardenByPlan } from "../../src/simulation/index.ts";
import { openSession, runSession } from "../../src/engine/session.ts";
import { QtamlError } from "../../src/errors.ts";
import { DataType, openModel, parseModel, serialiseModel, type OnnxModel } from "../../src/onnx/index.ts";
import { uniformStream } from "../../src/stats/random.ts";
import type { StoredTensor } from "../../src/stored/index.ts";

/** How a test went. */
export interface CaseResult {
  /** Reading and writing. `lost`: the file written is not the one read. */
  readonly trip: "same" | "lost" | "refused" | "defect";
  /** Outputs before and after: `unrun` where the runtime, or its binding for JavaScript, does not take the test. */
  readonly outputs: "same" | "different" | "unrun";
  /**
   * Through the memory. `hardened`: clean, the hardened model computes what the quantised one does; `adopted`: and
   * both what the published one does, whose weights were quantised already.
   */
  readonly memory: "hardened" | "adopted" | "no-weights" | "refused" | "different" | "defect" | "unrun";
  /** Sentences of errors and defects. */
  readonly notes: readonly string[];
}

type Outputs = readonly { readonly type: string; readonly dims: readonly number[]; readonly data: unknown }[];

const arrays: Readonly<Record<number, readonly [string, (bytes: ArrayBuffer) => ArrayBufferView]>> = {
  1: ["float32", (b) => new Float32Array(b)],
  2: ["uint8", (b) => new Uint8Array(b)],
  3: ["int8", (b) => new Int8Array(b)],
  4: ["uint16", (b) => new Uint16Array(b)],
  5: ["int16", (b) => new Int16Array(b)],
  6: ["int32", (b) => new Int32Array(b)],
  7: ["int64", (b) => new BigInt64Array(b)],
  9: ["bool", (b) => new Uint8Array(b)],
  10: ["float16", (b) => new Uint16Array(b)],
  11: ["float64", (b) => new Float64Array(b)],
  12: ["uint32", (b) => new Uint32Array(b)],
  13: ["uint64", (b) => new BigUint64Array(b)],
};

/** An input as the test's file states it; undefined for types that the binding lacks. Inputs are in `raw_data`. */
function tensorOf(proto: TensorProto): Tensor | undefined {
  const dims = proto.dims.map(Number);
  if (proto.dataType === 8) {
    return new Tensor(
      "string",
      proto.stringData.map((s) => new TextDecoder().decode(s)),
      dims,
    );
  }
  const known = arrays[proto.dataType];
  if (known === undefined) return undefined;
  const count = dims.reduce((a, b) => a * b, 1);
  const [type, construct] = known;
  const data = construct(new Uint8Array(proto.rawData).buffer);
  if (count > 0 && proto.rawData.byteLength === 0) return undefined;
  return new Tensor(type as "float32", data as Float32Array, dims);
}

/** The inputs of the first data set in order; undefined where one is no tensor. */
function readInputs(folder: string, names: readonly string[]): Record<string, Tensor> | undefined {
  const set = join(folder, "test_data_set_0");
  if (!existsSync(set)) return undefined;
  const files = readdirSync(set).filter((f) => f.startsWith("input_"));
  const feeds: Record<string, Tensor> = {};
  for (let i = 0; i < Math.min(files.length, names.length); i++) {
    try {
      const tensor = tensorOf(fromBinary(TensorProtoSchema, readFileSync(join(set, `input_${i}.pb`))));
      if (tensor === undefined) return undefined;
      feeds[names[i]!] = tensor;
    } catch {
      return undefined;
    }
  }
  return feeds;
}

/** Random inputs in the declared shapes, for models that come without any; open sizes are 1. */
function drawFeeds(session: InferenceSession): Record<string, Tensor> | undefined {
  const uniform = uniformStream(5);
  const feeds: Record<string, Tensor> = {};
  for (const input of session.inputMetadata) {
    if (!input.isTensor || input.type !== "float32") return undefined;
    const dims = input.shape.map((d) => (typeof d === "number" && d > 0 ? d : 1));
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => uniform() - 0.5);
    feeds[input.name] = new Tensor("float32", data, dims);
  }
  return feeds;
}

/** What the runtime makes of a model; a sentence where it does not take it. */
async function run(bytes: Uint8Array, folder: string): Promise<Outputs | string> {
  let session: InferenceSession | undefined;
  try {
    session = await openSession(bytes);
    const hasData = existsSync(join(folder, "test_data_set_0"));
    const feeds = hasData ? readInputs(folder, session.inputNames) : drawFeeds(session);
    if (feeds === undefined) return "The inputs are not tensors that the runtime's binding takes";
    const result = await runSession(session, feeds);
    return session.outputNames.map((name) => {
      const { type, dims, data } = result[name]!;
      return { type, dims: [...dims], data };
    });
  } catch (error) {
    if (error instanceof QtamlError) return error.message;
    throw error;
  } finally {
    await session?.release();
  }
}

/** Bit for bit, but for NaN, whose bits say nothing. */
function same(a: Outputs | string, b: Outputs | string): boolean {
  if (typeof a === "string" || typeof b === "string") return typeof a === typeof b;
  return (
    a.length === b.length &&
    a.every((own, i) => {
      const other = b[i]!;
      const [x, y] = [own.data as ArrayLike<unknown>, other.data as ArrayLike<unknown>];
      return (
        own.type === other.type &&
        own.dims.join() === other.dims.join() &&
        x.length === y.length &&
        Array.prototype.every.call(x, (v, k) => Object.is(v, y[k]))
      );
    })
  );
}

/** Operators whose outputs are drawn at random, so that no two runs agree. */
const randomOperators: ReadonlySet<string> = new Set([
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
  "Bernoulli",
  "Multinomial",
  "Dropout",
]);

const show = (a: Outputs | string, b: Outputs | string) =>
  JSON.stringify([a, b], (_, v: unknown) => (typeof v === "bigint" ? Number(v) : v)).slice(0, 300);

/** Element types of quantised codes. */
const codeTypes: ReadonlySet<DataType> = new Set([
  DataType.INT8,
  DataType.UINT8,
  DataType.INT4,
  DataType.UINT4,
]);

/** Whether every stored tensor was quantised before. */
function isQuantised(bytes: Uint8Array, tensors: readonly StoredTensor[]): boolean {
  const types = new Map(parseModel(bytes).graph.initializer.map((t) => [t.name, t.dataType]));
  return tensors.every((t) => codeTypes.has(types.get(t.name) ?? DataType.FLOAT));
}

/** Equal up to a few roundings of float32: codes are decoded by other operators than the model's own. */
function near(a: Outputs | string, b: Outputs | string): boolean {
  if (typeof a === "string" || typeof b === "string") return typeof a === typeof b;
  return a.every((own, i) => {
    const [x, y] = [own.data, b[i]!.data].map((d) => Array.from(d as ArrayLike<number | bigint>, Number));
    const size = Math.max(...y!.map(Math.abs));
    return x!.length === y!.length && x!.every((v, k) => Math.abs(v - y![k]!) <= 1e-5 * size);
  });
}

const flips = (bits: number) => symmetricFlips(0.1, bits);

/**
 * The model with all inputs but the first as constants: tests of operators feed their weights, and the memory holds
 * constants only. Undefined where there is nothing to bake in.
 */
function bakeInputs(bytes: Uint8Array, folder: string): Uint8Array | undefined {
  const model = parseModel(bytes);
  const set = join(folder, "test_data_set_0");
  const { graph } = model;
  if (!existsSync(set) || graph.input.length < 2 || graph.initializer.length > 0) return undefined;
  for (let i = 1; existsSync(join(set, `input_${i}.pb`)); i++) {
    const value = graph.input[i];
    if (value?.type?.value.case !== "tensorType") return undefined;
    const tensor = fromBinary(TensorProtoSchema, readFileSync(join(set, `input_${i}.pb`)));
    graph.initializer.push(Object.assign(tensor, { name: value.name }));
  }
  graph.input = graph.input.slice(0, 1);
  return serialiseModel(model);
}

async function throughMemory(bytes: Uint8Array, folder: string): Promise<[CaseResult["memory"], string?]> {
  try {
    const assessment = await assess({ bytes, name: "the test" }, { flips });
    const plan = await makePlan(assessment, { policy: "magnitude", overhead: 0.1 });
    const hardened = await run(serialiseModel(hardenByPlan(assessment, plan)), folder);
    const quantised = await run(serialiseModel(assessment.prepared.model), folder);
    if (typeof hardened === "string" && typeof quantised === "string") return ["unrun", hardened];
    if (!same(hardened, quantised)) return ["different", show(hardened, quantised)];
    if (!isQuantised(bytes, assessment.prepared.tensors)) return ["hardened"];
    const published = await run(bytes, folder);
    return near(quantised, published) ? ["adopted"] : ["different", show(quantised, published)];
  } catch (error) {
    if (!(error instanceof QtamlError))
      return ["defect", String(error instanceof Error ? error.stack : error)];
    return [error.message.includes("has no weights") ? "no-weights" : "refused", error.message];
  }
}

/** Runs a test. @param path the model's file; its inputs are in `test_data_set_0` beside it */
export async function runCase(path: string): Promise<CaseResult> {
  const folder = join(path, "..");
  const bytes = new Uint8Array(readFileSync(path));
  const notes: string[] = [];
  let model: OnnxModel;
  try {
    model = openModel(path).model;
  } catch (error) {
    const isTyped = error instanceof QtamlError;
    notes.push(isTyped ? error.message : String((error as Error).stack));
    return { trip: isTyped ? "refused" : "defect", outputs: "unrun", memory: "unrun", notes };
  }
  const written = serialiseModel(model);
  // Fields may be written in another order than they were read in, so both go through one writer.
  const canonical = (file: Uint8Array) =>
    Buffer.from(toBinary(ModelProtoSchema, fromBinary(ModelProtoSchema, file)));
  const trip = canonical(bytes).equals(canonical(written)) ? "same" : "lost";
  const before = await run(bytes, folder);
  const after = await run(written, folder);
  const isRandom = model.graph.node.some((n) => randomOperators.has(n.opType));
  const [memory, note] = await throughMemory(bakeInputs(bytes, folder) ?? bytes, folder);
  if (note !== undefined) notes.push(note);
  const outputs = typeof before === "string" ? "unrun" : "same";
  return { trip, outputs: isRandom || same(before, after) ? outputs : "different", memory, notes };
}
