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
  modelFromBytes,
  prepareModel,
  surveyMemory,
  surveyOf,
  surveySafetensors,
  type AbsentTensor,
  type ModelFile,
  type PreparedModel,
  type SafetensorsFile,
  type SurveyedTensor,
} from "../onnx/index.ts";
import type { MemoryTensor } from "../protect/index.ts";
import { assumedJacobian, isWhole } from "./integers.ts";
import type { FlipLaw } from "./flips.ts";
import { storageOptions, usualStorage, type Storage } from "./storage.ts";
import { cleanWeights, meanSquareSteps, type StoredTensor } from "../stored/index.ts";

/** A model as the bytes of its file. */
export interface ModelBytes {
  /** The file's name, for messages and plans. */
  readonly name: string;
  /** All of the file. */
  readonly bytes: Uint8Array;
}

/** What `assess` is told. */
export interface AssessOptions {
  /** Flip probabilities of the memory's cells. */
  readonly flips: FlipLaw;
  /** What the memory holds; `usualStorage` where nothing is said. */
  readonly storage?: Partial<Storage>;
  /** Unlabelled inputs; without them there is no Jacobian. */
  readonly calibration?: Dataset;
  /** How the Jacobian is measured. */
  readonly jacobian?: JacobianOptions;
  /** The output to judge by, or a value inside the model; the first output unless given. */
  readonly output?: string;
}

/** What the memory holds of a model, and the error law of each tensor. */
export interface Survey {
  /** The file that was assessed; its hash is worked out when it is asked for. */
  readonly model: Pick<ModelFile, "name" | "sha256">;
  /** What the memory holds. */
  readonly storage: Storage;
  /** What is stored, without the codes. */
  readonly tensors: readonly Omit<SurveyedTensor, "histogram">[];
  /** Constants of the model that the memory does not hold. */
  readonly absent: readonly AbsentTensor[];
  /** In the order of `tensors`. */
  readonly memory: readonly MemoryTensor[];
  /** In the same order; undefined without calibration data. */
  readonly jacobian: readonly TensorJacobian[] | undefined;
  /** All calibration inputs, those the Jacobian was averaged over, and the clean logits on all of them. */
  readonly calibration:
    | { readonly inputs: Dataset; readonly data: Dataset; readonly logits: JudgedOutput }
    | undefined;
}

/** A model in a memory, before any fault, with all that trying chips needs. */
export interface Assessment extends Survey {
  /** The model with its weights as stored codes. */
  readonly prepared: PreparedModel;
  /** `prepared` with the judged output as its only one. */
  readonly judged: PreparedModel;
  /** The tensors of `prepared`. */
  readonly tensors: readonly StoredTensor[];
  /** `judged` as it was before a plan stored its tensors otherwise or shifted its biases: the clean network. */
  readonly clean?: PreparedModel;
}

/** A network and its weights, tensor by tensor. */
export interface WeightedNetwork {
  /** The model as it was prepared. */
  readonly network: PreparedModel;
  /** [tensors] as the network computes with them. */
  readonly weights: readonly Float32Array[];
}

/**
 * The clean network: its weights are of the formats that the memory was surveyed with.
 *
 * @param assessment of the model, whichever plan has filled its memory
 */
export function cleanNetwork({ clean, judged }: Assessment): WeightedNetwork {
  const network = clean ?? judged;
  return { network, weights: network.tensors.map(cleanWeights) };
}

/** Whether the codes and the network are at hand. */
export function isAssessment(survey: Survey): survey is Assessment {
  return "prepared" in survey;
}

/** Default number of samples the Jacobian is averaged over. */
export const jacobianSamples = 64;

/**
 * Mean over the weights of the squared step, and of the squared step times the squared sensitivity of a weight. Where
 * the Jacobian is known by output channel, each channel's sensitivity goes with the steps of that channel.
 */
function stepMoments(
  tensor: Omit<SurveyedTensor, "histogram">,
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

/** The same law, one object a width: tensors that share it share what is worked out of it (`protectionLadders`). */
function oncePerWidth(flips: FlipLaw): FlipLaw {
  const known = new Map<number, FlipProbabilities>();
  return (bits) => {
    const law = known.get(bits) ?? flips(bits);
    known.set(bits, law);
    return law;
  };
}

/** The error law's view of tensors, in their order. */
function memoryTensors(
  tensors: readonly SurveyedTensor[],
  flips: FlipLaw,
  jacobian: readonly TensorJacobian[] | undefined,
): MemoryTensor[] {
  const law = oncePerWidth(flips);
  return tensors.map((tensor, t) => memoryTensor(tensor, law, jacobian?.[t]));
}

function memoryTensor(
  tensor: SurveyedTensor,
  flips: FlipLaw,
  jacobian: TensorJacobian | undefined,
): MemoryTensor {
  return {
    name: tensor.name,
    count: tensor.count,
    format: tensor.format,
    histogram: tensor.histogram,
    flips: flips(tensor.format.bits),
    ...stepMoments(tensor, jacobian),
  };
}

function fileOf(given: ModelFile | ModelBytes): ModelFile {
  return "bytes" in given ? modelFromBytes(given.bytes, given.name) : given;
}

/** A file's name and its hash, which is worked out when it is asked for. */
function identity(file: Survey["model"]): Survey["model"] {
  return {
    name: file.name,
    get sha256() {
      return file.sha256;
    },
  };
}

/**
 * Surveys a model, or weights without a graph: each tensor is read, quantised, counted and dropped, so that the model
 * may be larger than memory. Enough to inspect it and to plan a budget by anything but the Jacobian.
 *
 * @param options flip probabilities of the cells, and what the memory holds; `usualStorage` unless given
 * @throws QtamlError for a model that is damaged or has no weights
 */
export function survey(
  given: ModelFile | ModelBytes | SafetensorsFile,
  { flips, storage: asked }: Pick<AssessOptions, "flips" | "storage">,
): Survey {
  const file = "tensors" in given ? given : fileOf(given);
  const storage: Storage = { ...usualStorage, ...asked };
  const options = storageOptions(storage);
  const { tensors: surveyed, absent } =
    "tensors" in file
      ? { tensors: surveySafetensors(file, options), absent: [] }
      : surveyMemory(file.model, options);
  return {
    model: identity(file),
    storage,
    tensors: surveyed,
    absent,
    memory: memoryTensors(surveyed, flips, undefined),
    jacobian: undefined,
    calibration: undefined,
  };
}

/** The Jacobian of every tensor: measured, or assumed of whole numbers. */
async function jacobianOf(
  judged: PreparedModel,
  data: Dataset,
  logits: JudgedOutput,
  options?: JacobianOptions,
): Promise<TensorJacobian[]> {
  const tensors = judged.tensors.filter((tensor) => !isWhole(tensor));
  const measured = (await measureJacobian({ ...judged, tensors }, data, options)).values();
  return judged.tensors.map((tensor) =>
    isWhole(tensor) ? assumedJacobian(tensor, logits, data.count) : measured.next().value!,
  );
}

/**
 * Reads a model, quantises its weights, and measures the Jacobian where calibration inputs are given.
 *
 * @throws QtamlError for a model that is damaged, has no weights, cannot run, or does not fit the inputs
 */
export async function assess(given: ModelFile | ModelBytes, options: AssessOptions): Promise<Assessment> {
  const file = fileOf(given);
  const storage: Storage = { ...usualStorage, ...options.storage };
  const prepared = prepareModel(file.model, storageOptions(storage));
  const judged = { ...prepared, model: judgedModel(prepared.model, options.output) };
  let jacobian: TensorJacobian[] | undefined;
  let calibration: Assessment["calibration"];
  if (options.calibration !== undefined) {
    const all = await settleBatching(judged.model, options.calibration);
    const data = sliceDataset(all, 0, options.jacobian?.samples ?? jacobianSamples);
    const logits = await inferLogits(judged.model, all);
    jacobian = await jacobianOf(judged, data, logits, options.jacobian);
    calibration = { inputs: all, data, logits };
  }
  return {
    model: identity(file),
    storage,
    prepared,
    judged,
    tensors: prepared.tensors,
    absent: prepared.absent ?? [],
    memory: memoryTensors(prepared.tensors.map(surveyOf), options.flips, jacobian),
    jacobian,
    calibration,
  };
}

/** Mean flip probability over all stored cells and both values. @param survey of the memory */
export function meanFlipProbability({ memory }: Survey): number {
  let cells = 0;
  let sum = 0;
  for (const { count, flips } of memory) {
    flips.p01.forEach((p01, k) => (sum += (count * (p01 + flips.p10[k]!)) / 2));
    cells += count * flips.p01.length;
  }
  return sum / cells;
}
