/**
 * @file What the memory holds and in which formats, as flags and plans say it.
 */
import type { Granularity, StorageOptions } from "../onnx/index.ts";
import type { TensorRole } from "../stored/index.ts";

/** What the memory holds and how; the part of a plan that says which codes its tensors are. */
export interface Storage {
  /**
   * Format of float weights and embeddings; "auto" stores float16 and bfloat16 tensors as they are and the others as
   * int8. Codes of quantised models stay what they are.
   */
  readonly format: string;
  /** Whether a tensor, or each of its output channels, has a quantisation step of its own. */
  readonly granularity: Granularity;
  /** The same for biases, normalisation parameters and scales; "auto" stores those of 32 and 64 bits as bf16. */
  readonly parameterFormat: string;
  /** Whether the memory holds these as well. */
  readonly biases: boolean;
  readonly normalisation: boolean;
  readonly quantisationParameters: boolean;
  readonly integers: boolean;
  /** Patterns of names: where there are any, only tensors that match one of them are held. */
  readonly include: readonly string[];
  /** Patterns of names that are not held. */
  readonly exclude: readonly string[];
}

/** Storage unless told: weights and embeddings, one step a tensor. */
export const usualStorage: Storage = {
  format: "auto",
  granularity: "tensor",
  parameterFormat: "auto",
  biases: false,
  normalisation: false,
  quantisationParameters: false,
  integers: false,
  include: [],
  exclude: [],
};

const rolesOf = {
  biases: ["bias"],
  normalisation: ["normalisation"],
  quantisationParameters: ["scale", "zero-point"],
  integers: ["integer"],
} as const satisfies Partial<Record<keyof Storage, readonly TensorRole[]>>;

/** The same in the words of the room of ONNX. */
export function storageOptions(storage: Storage): StorageOptions {
  const { format, parameterFormat, granularity, include, exclude } = storage;
  const asked = (Object.keys(rolesOf) as (keyof typeof rolesOf)[]).filter((key) => storage[key]);
  return {
    format: format === "auto" ? undefined : format,
    parameterFormat: parameterFormat === "auto" ? undefined : parameterFormat,
    granularity,
    include,
    exclude,
    roles: asked.flatMap((key) => rolesOf[key]),
  };
}
