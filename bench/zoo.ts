/** @file Networks of the zoo as benchmarks take them: in a memory of int8, with the first images of their test set. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { symmetricFlips } from "../src/channel/index.ts";
import { parseDataset, sliceDataset } from "../src/data/index.ts";
import { chooseBinder, inferLogits, type Protection, type TrialContext } from "../src/engine/index.ts";
import { parseModel, prepareModel, serialiseModel, type PreparedModel } from "../src/onnx/index.ts";

export const zooFolder = join(import.meta.dirname, "..", "zoo");

/** Networks that benchmarks run unless others are named: all but the two of full width. */
export const smallNetworks: readonly string[] = readdirSync(zooFolder)
  .filter((file) => file.endsWith(".onnx"))
  .map((file) => basename(file, ".onnx"))
  .filter((name) => !/\d/.test(name))
  .sort();

/** The flip probability that the published claim is about. */
export const usualFlip = (network: string): number => (network.includes("transformer") ? 0.05 : 0.1);

/** A network in a memory, and images with labels. */
export async function zooContext(
  network: string,
  { images, p = usualFlip(network) }: { images: number; p?: number },
): Promise<{ context: TrialContext; prepared: PreparedModel }> {
  const file = network.startsWith("watch") ? "watch-test-1008.npz" : "fashion-mnist-test-2000.npz";
  const path = join(zooFolder, file);
  const data = sliceDataset(parseDataset(readFileSync(path), path), 0, images);
  const model = parseModel(readFileSync(join(zooFolder, `${network}.onnx`)), network);
  const prepared = prepareModel(model, { format: "int8", granularity: "tensor" });
  const flips = prepared.tensors.map((t) => symmetricFlips(p, t.format.bits));
  const context: TrialContext = {
    modelBytes: serialiseModel(prepared.model),
    tensors: prepared.tensors,
    flips,
    designFlips: flips,
    seed: 0,
    errors: "faults",
    data,
    measure: { name: "top-1" },
    clean: await inferLogits(prepared.model, data),
    scale: undefined,
    binder: chooseBinder(prepared),
  };
  return { context, prepared };
}

/** The same bits of every weight protected. */
export const uniform = ({ tensors }: TrialContext, protectedMask: number): Protection =>
  tensors.map((t) => [{ start: 0, count: t.count, protectedMask, decoder: "none" }]);

/** The median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
