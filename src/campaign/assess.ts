/**
 * @file Everything that is known of a model in a memory before a single fault is drawn: what the memory stores, the
 * error law of each tensor, and how much the outputs depend on it.
 */
import type { FlipProbabilities } from "../channel/index.ts";
import { sliceDataset, type Dataset } from "../data/index.ts";
import {
  inferLogits,
  judgedModel,
  measureJacobian,
  settleBatching,
  type JacobianOptions,
  type JudgedOutput,
  type TensorJacobian,
} from "../engine/index.ts";
import {
  meanSquareSteps,
  modelFromBytes,
  prepareModel,
  storedHistogram,
  type Granularity,
  type ModelFile,
  type PreparedModel,
  type StoredTensor,
} from "../onnx/index.ts";
import type { MemoryTensor } from "../protect/index.ts";

/** A model as the bytes of its file. */
export interface ModelBytes {
  /** The file's name, for messages and plans. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The flip probabilities of a cell for codes of so many bits. */
export type FlipLaw = (bits: number) => FlipProbabilities;

/** How float weights are stored. */
export interface Storage {
  readonly format: string;
  readonly granularity: Granularity;
}

/** What `assess` is told. */
export interface AssessOptions {
  readonly flips: FlipLaw;
  readonly storage?: Partial<Storage>;
  /** Unlabelled inputs; without them there is no Jacobian. */
  readonly calibration?: Dataset;
  readonly jacobian?: JacobianOptions;
  /** The output to judge by, or a value inside the model; the first output unless given. */
  readonly output?: string;
}

/** A model in a memory, before any fault. */
export interface Assessment {
  /** The file that was assessed; its hash is worked out when it is asked for. */
  readonly model: Pick<ModelFile, "name" | "sha256">;
  readonly storage: Storage;
  readonly prepared: PreparedModel;
  /** `prepared` with the judged output as its only one. */
  readonly judged: PreparedModel;
  /** In the order of `prepared.tensors`. */
  readonly memory: readonly MemoryTensor[];
  /** In the same order; undefined without calibration data. */
  readonly jacobian: readonly TensorJacobian[] | undefined;
  /** The inputs the Jacobian was averaged over, and the clean logits on all calibration inputs. */
  readonly calibration: { readonly data: Dataset; readonly logits: JudgedOutput } | undefined;
}

/** Default number of samples the Jacobian is averaged over. */
export const jacobianSamples = 64;

/**
 * Mean over the weights of the squared step, and of the squared step times the squared sensitivity of a weight. Where
 * the Jacobian is known by output channel, each channel's sensitivity goes with the steps of that channel.
 */
function stepMoments(
  tensor: StoredTensor,
  jacobian: TensorJacobian | undefined,
): { meanSquareStep: number; stepSensitivity: number | undefined } {
  const meanSquareStep = meanSquareSteps(tensor, undefined)[0]!;
  if (jacobian === undefined) return { meanSquareStep, stepSensitivity: undefined };
  const byChannel = jacobian.channelSquaredNorms;
  const squares = meanSquareSteps(tensor, tensor.outputAxis);
  const weighted =
    byChannel?.length === squares.length
      ? byChannel.reduce((sum, norm, c) => sum + norm * squares[c]!, 0)
      : jacobian.squaredNorm * meanSquareStep;
  return { meanSquareStep, stepSensitivity: weighted / tensor.count };
}

/**
 * Reads a model, quantises its weights, and measures the Jacobian where calibration inputs are given.
 *
 * @throws QtamlError for a model that is damaged, has no weights, cannot run, or does not fit the inputs
 */
export async function assess(given: ModelFile | ModelBytes, options: AssessOptions): Promise<Assessment> {
  const file = "bytes" in given ? modelFromBytes(given.bytes, given.name) : given;
  const storage: Storage = { format: "int8", granularity: "tensor", ...options.storage };
  const prepared = prepareModel(file.model, storage);
  const judged = { ...prepared, model: judgedModel(prepared.model, options.output) };
  let jacobian: TensorJacobian[] | undefined;
  let calibration: Assessment["calibration"];
  if (options.calibration !== undefined) {
    const all = await settleBatching(judged.model, options.calibration);
    const data = sliceDataset(all, 0, options.jacobian?.samples ?? jacobianSamples);
    const logits = await inferLogits(judged.model, all);
    jacobian = await measureJacobian(judged, data, options.jacobian);
    calibration = { data, logits };
  }
  const memory = prepared.tensors.map((tensor, t): MemoryTensor => ({
    name: tensor.name,
    count: tensor.count,
    format: tensor.format,
    histogram: storedHistogram(tensor),
    flips: options.flips(tensor.format.bits),
    ...stepMoments(tensor, jacobian?.[t]),
  }));
  return {
    model: {
      name: file.name,
      get sha256() {
        return file.sha256;
      },
    },
    storage,
    prepared,
    judged,
    memory,
    jacobian,
    calibration,
  };
}
