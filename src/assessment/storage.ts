/**
 * @file What the memory holds and in which formats, as flags and plans say it.
 */
import type { StorageOptions } from "../onnx/index.ts";
import type { PlanStorage } from "../protect/index.ts";
import type { TensorRole } from "../stored/index.ts";

/** What the memory holds and how; the part of a plan that says which codes its tensors are. */
export type Storage = PlanStorage;

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
