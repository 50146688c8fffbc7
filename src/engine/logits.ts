/** @file The logits of a network: the judged output, or what stands before the activation that ends it. */
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import type { Dataset } from "../data/index.ts";
import { cloneModel, indexGraph, isStandardNode, serialiseModel, type OnnxModel } from "../onnx/index.ts";
import { bindInputs } from "./feed.ts";
import { modelIo } from "./io.ts";
import { inferBatches, type JudgedOutput } from "./network.ts";
import { openSession } from "./session.ts";

/** What may stand between the logits and an output: activations, and the choice of the largest. */
const endings = new Set(["Softmax", "LogSoftmax", "Sigmoid", "Identity", "ArgMax"]);

/**
 * The model with its logits as the only output: where the first output is made by `Softmax`, `LogSoftmax`,
 * `Sigmoid` or `ArgMax`, the value before it.
 */
export function logitsModel(source: OnnxModel): OnnxModel {
  const model = cloneModel(source);
  const index = indexGraph(model.graph);
  const output = model.graph.output[0]!;
  let name = output.name;
  for (let node = index.producer.get(name); node !== undefined; node = index.producer.get(name)) {
    const before = node.input[0] ?? "";
    // Not the model's input: an output has to be computed.
    if (!isStandardNode(node) || !endings.has(node.opType) || !index.producer.has(before)) break;
    name = before;
  }
  // Without a type: the runtime infers it.
  model.graph.output = [name === output.name ? output : create(ValueInfoProtoSchema, { name })];
  return model;
}

/** Logits of the network with the weights in the model. */
export async function inferLogits(model: OnnxModel, data: Dataset): Promise<JudgedOutput> {
  const judged = logitsModel(model);
  const session = await openSession(serialiseModel(judged));
  try {
    return await inferBatches(session, modelIo(judged), bindInputs(modelIo(judged), data));
  } finally {
    await session.release();
  }
}
