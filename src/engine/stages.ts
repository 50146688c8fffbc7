/**
 * @file Copies of a network with different weights, run side by side and layer by layer: the model is cut behind chosen
 * values, and what these are in all copies can be looked at and changed before any copy goes on. One pass of the data
 * through the network, whatever the number of cuts.
 */
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema, type NodeProto } from "onnx-buf";
import { sliceDataset, type Dataset } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import {
  cloneModel,
  DataType,
  makeValueInfo,
  namesRead,
  serialiseModel,
  type OnnxModel,
  type PreparedModel,
} from "../onnx/index.ts";
import { feedType } from "./convert.ts";
import { bindInputs } from "./feed.ts";
import { modelIo } from "./io.ts";
import { makeTensor, openSession, runSession, type Tensor } from "./session.ts";

/** A part of a model that ends with a cut. */
interface Stage {
  readonly nodes: readonly NodeProto[];
  /** Constants and values of before that its nodes read. */
  readonly reads: ReadonlySet<string>;
  /** Its values that are read later, the cut among them. */
  readonly writes: readonly string[];
  /** Values that no later stage reads. */
  readonly done: readonly string[];
}

/** One value of one copy and batch, in place. */
export interface StageValue {
  /** In C order. */
  readonly values: Float32Array;
  readonly dims: readonly number[];
}

/** What is run. */
export interface StageRun {
  /** Names of float32 values, in the order in which the model computes them. */
  readonly cuts: readonly string[];
  readonly copies: number;
  /** The weights of some stored tensors, by their places in `PreparedModel.tensors`; read before the next call. */
  readonly weightsOf: (cut: number, tensors: readonly number[], copy: number) => readonly Float32Array[];
  /** Given [copies][batches]; what it changes is what the copies go on with. */
  readonly visit: (cut: number, values: readonly (readonly StageValue[])[]) => void;
}

/** The nodes on which some values depend, in graph order. */
function nodesBefore(model: OnnxModel, values: readonly string[]): NodeProto[] {
  const needed = new Set(values);
  const nodes: NodeProto[] = [];
  for (const node of model.graph.node.toReversed()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    for (const name of namesRead(node)) needed.add(name);
    nodes.push(node);
  }
  return nodes.reverse();
}

/** @throws QtamlError `unsupported-model` when a cut is no value of the main graph */
function stagesOf(model: OnnxModel, cuts: readonly string[]): Stage[] {
  const nodes = nodesBefore(model, cuts);
  const parts: NodeProto[][] = [];
  let from = 0;
  for (const cut of cuts) {
    const end = nodes.findIndex((node) => node.output.includes(cut)) + 1;
    if (end <= from) {
      throw new QtamlError(
        "unsupported-model",
        `The model does not compute "${cut}" as one of its layers in turn; leave its biases as they are.`,
      );
    }
    parts.push(nodes.slice(from, end));
    from = end;
  }
  const reads = parts.map((part) => new Set(part.flatMap(namesRead).filter((name) => name !== "")));
  const isReadAfter = (s: number, name: string) => reads.some((own, later) => later > s && own.has(name));
  return parts.map((part, s) => {
    const made = part.flatMap((node) => node.output);
    const writes = made.filter((name) => name === cuts[s] || isReadAfter(s, name));
    const done = [...reads[s]!, ...writes].filter((name) => !isReadAfter(s, name));
    return { nodes: part, reads: reads[s]!, writes, done };
  });
}

const typeByName = new Map(
  Object.values(DataType).flatMap((elementType) => {
    if (typeof elementType === "string") return [];
    try {
      return [[feedType({ name: "", elementType }), elementType] as const];
    } catch {
      return [];
    }
  }),
);

/** @throws QtamlError `unsupported-model` for a value that cannot be fed, such as text */
function elementTypeOf(name: string, type: string): DataType {
  const found = typeByName.get(type as "float32");
  if (found !== undefined) return found;
  throw new QtamlError(
    "unsupported-model",
    `Value "${name}" of the model holds ${type}, which cannot be fed, so the model cannot be run layer by layer; leave its biases as they are.`,
  );
}

/** A stage as a model: constants in it, weights and values of before as inputs. */
function stageModel(
  prepared: PreparedModel,
  stage: Stage,
  tensors: readonly number[],
  live: ReadonlyMap<string, Tensor>,
): OnnxModel {
  const model = cloneModel(prepared.model);
  const { graph } = model;
  const weights = tensors.map((t) => prepared.tensors[t]!);
  const fed = new Set(weights.map((t) => t.runtimeName));
  graph.node = [...stage.nodes];
  graph.initializer = graph.initializer.filter(({ name }) => stage.reads.has(name) && !fed.has(name));
  graph.sparseInitializer = graph.sparseInitializer.filter((t) => stage.reads.has(t.values?.name ?? ""));
  graph.valueInfo = [];
  graph.input = [
    ...weights.map((t) => makeValueInfo(t.runtimeName, DataType.FLOAT, t.dims)),
    ...Array.from(live).flatMap(([name, { type }]) =>
      stage.reads.has(name) ? [makeValueInfo(name, elementTypeOf(name, type))] : [],
    ),
  ];
  // Without types: the runtime infers them.
  graph.output = stage.writes.map((name) => create(ValueInfoProtoSchema, { name }));
  return model;
}

/** Memory of the values of all copies; texts, which have no size of their own, do not count. */
function bytesOf(live: readonly (readonly ReadonlyMap<string, Tensor>[])[]): number {
  return live
    .flat()
    .flatMap((values) =>
      Array.from(values.values(), ({ data }) => (ArrayBuffer.isView(data) ? data.byteLength : 0)),
    )
    .reduce((a, b) => a + b, 0);
}

/** Runs a stage for every copy and batch, and puts what it computes among the live values. */
async function runStage(
  prepared: PreparedModel,
  stage: Stage,
  live: readonly (readonly Map<string, Tensor>[])[],
  weightsOf: (tensors: readonly number[], copy: number) => readonly Float32Array[],
): Promise<void> {
  const tensors = prepared.tensors.flatMap((t, place) => (stage.reads.has(t.runtimeName) ? [place] : []));
  const model = stageModel(prepared, stage, tensors, live[0]![0]!);
  const session = await openSession(serialiseModel(model));
  try {
    for (const [copy, batches] of live.entries()) {
      const loaded = weightsOf(tensors, copy).map((values, i) => {
        const { runtimeName, dims } = prepared.tensors[tensors[i]!]!;
        return [runtimeName, makeTensor("float32", values, dims)] as const;
      });
      for (const values of batches) {
        const read = Array.from(values).filter(([name]) => stage.reads.has(name));
        const found = await runSession(session, Object.fromEntries([...loaded, ...read]));
        for (const name of stage.writes) values.set(name, found[name]!);
      }
    }
  } finally {
    await session.release();
  }
}

/**
 * Runs copies of a network up to its last cut.
 *
 * @param prepared the network; its weights do not count
 * @returns the most memory that the values of all copies took together, in bytes
 * @throws QtamlError when it does not run, or does not fit the data
 */
export async function runStages(prepared: PreparedModel, data: Dataset, run: StageRun): Promise<number> {
  const stages = stagesOf(prepared.model, run.cuts);
  const io = modelIo(prepared.model);
  const { fixedBatch = 1 } = bindInputs(io, data);
  // A batch that is filled up would count its first samples twice.
  const whole = Math.floor(data.count / fixedBatch) * fixedBatch;
  const bound = bindInputs(io, whole === 0 ? data : sliceDataset(data, 0, whole));
  const live = Array.from({ length: run.copies }, () => {
    const batches: Map<string, Tensor>[] = [];
    for (let from = 0; from < bound.count; from += bound.step) {
      const to = Math.min(from + bound.step, bound.count);
      batches.push(new Map(Object.entries(bound.feeds(from, to))));
    }
    return batches;
  });
  let mostBytes = 0;
  for (const [s, stage] of stages.entries()) {
    await runStage(prepared, stage, live, (tensors, copy) => run.weightsOf(s, tensors, copy));
    run.visit(
      s,
      live.map((batches) =>
        batches.map((values) => {
          const { data: found, dims } = values.get(run.cuts[s]!)!;
          return { values: found as Float32Array, dims };
        }),
      ),
    );
    mostBytes = Math.max(mostBytes, bytesOf(live));
    for (const batches of live)
      for (const values of batches) for (const name of stage.done) values.delete(name);
  }
  return mostBytes;
}
