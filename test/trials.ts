/**
 * @file Noise images with random labels, and what trials of a fixture network share.
 */
import { addressedStreams, nextUniform, symmetricFlips } from "../src/channel/index.ts";
import { singleInput, type Dataset } from "../src/data/index.ts";
import { inferLogits, type BinderKind, type Protection, type TrialContext } from "../src/engine/index.ts";
import { prepareModel, serialiseModel, type PreparedModel, type StorageOptions } from "../src/onnx/index.ts";
import { fixture, type fixtureNames } from "./build-model.ts";

/** Images of uniform noise with labels drawn from ten classes. */
export function noiseImages(
  count: number,
  seed: number,
  sampleDims: readonly number[] = [1, 16, 16],
): Dataset {
  const state = addressedStreams({ seed, trial: 0, tensor: 0 }, 99)(0);
  const size = sampleDims.reduce((a, b) => a * b, 1);
  const inputs = Float32Array.from({ length: count * size }, () => nextUniform(state));
  const labels = Int32Array.from({ length: count }, () => Math.floor(10 * nextUniform(state)));
  return singleInput(count, sampleDims, inputs, labels);
}

/** Settings of `trialContext`; a flip probability of 0.02 and the storage int8 unless told. */
export interface TrialParts {
  readonly images?: number;
  readonly p?: number;
  readonly binder?: BinderKind;
  readonly storage?: Partial<StorageOptions>;
  /** `top-1` unless told. */
  readonly measure?: string;
}

/** A fixture network in a memory. */
export async function trialContext(
  name: (typeof fixtureNames)[number],
  parts: TrialParts = {},
): Promise<{ prepared: PreparedModel; context: TrialContext }> {
  const { images = 12, p = 0.02, binder = "patch" } = parts;
  const prepared = prepareModel(fixture(name).model, {
    format: "int8",
    granularity: "tensor",
    ...parts.storage,
  });
  const data = noiseImages(images, 4);
  const flips = prepared.tensors.map((t) => symmetricFlips(p, t.format.bits));
  const clean = await inferLogits(prepared.model, data);
  const modelBytes = serialiseModel(prepared.model);
  return {
    prepared,
    context: {
      modelBytes,
      tensors: prepared.tensors,
      flips,
      designFlips: flips,
      seed: 17,
      errors: "faults",
      data,
      measure: { name: parts.measure ?? "top-1" },
      clean,
      scale: undefined,
      binder,
    },
  };
}

/** A protection of every weight by the same bits. */
export const masked = (context: TrialContext, protectedMask: number): Protection =>
  context.tensors.map((t) => [{ start: 0, count: t.count, protectedMask, decoder: "none" }]);
