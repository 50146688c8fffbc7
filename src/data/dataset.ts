/**
 * @file Data sets: the inputs of some samples by name and, where accuracy is asked, what is right for each.
 */
import { QtamlError } from "../errors.ts";
import type { NpyArray, NpyData } from "./decode.ts";
import { parseNpz } from "./npz.ts";

/** One input of all samples, sample after sample. */
export interface SampleArray {
  /** Dimensions of one sample. */
  readonly dims: readonly number[];
  /** [count * elements of a sample] in C order. */
  readonly data: NpyData;
  /** Set where the bytes are truth values: they are 0 or 1, and are never scaled. */
  readonly isBoolean?: true;
}

/**
 * What is right for each sample: whole numbers (classes, a negative one where a place is not to be judged) or real
 * numbers (targets of a regression).
 */
export interface Labels {
  /** Dimensions of one sample's labels: none for one label a sample, [H, W] for one a pixel. */
  readonly dims: readonly number[];
  /** [count * elements of a sample's labels]. */
  readonly data: Int32Array | Float32Array;
}

/** An input that is the same in every call: an array, or one number that fills the shape the model declares. */
export type Constant = NpyArray | { readonly fill: number };

/** Samples of one kind. */
export interface Dataset {
  /** Number of samples. */
  readonly count: number;
  /** By name; an input without a name of its own is called "x" and goes to a model's only input. */
  readonly inputs: ReadonlyMap<string, SampleArray>;
  /** Undefined when the data set has none. */
  readonly labels: Labels | undefined;
  /** Inputs that are the same for every sample: a sample rate, the first state of a recurrent network. */
  readonly constants?: ReadonlyMap<string, Constant>;
  /** Set where the model must see one sample a call, because it mixes the samples of a batch. */
  readonly isOneByOne?: true;
}

/** Name of an input that has none of its own. */
export const unnamedInput = "x";

const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** A data set of one unnamed input. */
export function singleInput(
  count: number,
  dims: readonly number[],
  data: NpyData,
  labels?: Int32Array,
): Dataset {
  return {
    count,
    inputs: new Map([[unnamedInput, { dims, data }]]),
    labels: labels === undefined ? undefined : { dims: [], data: labels },
  };
}

/** Samples `from` to `to` (exclusive) of a data set; shares the numbers. */
export function sliceDataset(data: Dataset, from: number, to: number): Dataset {
  const end = Math.min(to, data.count);
  const part = <T extends { dims: readonly number[]; data: NpyData }>(array: T): T => {
    const size = product(array.dims);
    return { ...array, data: array.data.subarray(from * size, end * size) };
  };
  return {
    ...data,
    count: end - from,
    inputs: new Map(Array.from(data.inputs, ([name, array]) => [name, part(array)])),
    labels: data.labels === undefined ? undefined : part(data.labels),
  };
}

/** The samples at the given places of a data set, in that order; copies the numbers. */
export function pickSamples(data: Dataset, places: ArrayLike<number>): Dataset {
  const pick = <T extends { dims: readonly number[]; data: NpyData }>(array: T): T => {
    const size = product(array.dims);
    const source = array.data as Float32Array;
    const picked = new (source.constructor as Float32ArrayConstructor)(places.length * size);
    for (let i = 0; i < places.length; i++) {
      picked.set(source.subarray(places[i]! * size, (places[i]! + 1) * size), i * size);
    }
    return { ...array, data: picked };
  };
  return {
    ...data,
    count: places.length,
    inputs: new Map(Array.from(data.inputs, ([name, array]) => [name, pick(array)])),
    labels: data.labels === undefined ? undefined : pick(data.labels),
  };
}

/** Place of the first NaN or infinity, or -1. A plain loop: a call for each of a billion numbers takes half a minute. */
function firstNonFinite(data: Float32Array | Float64Array): number {
  for (let i = 0; i < data.length; i++) if (data[i]! - data[i]! !== 0) return i;
  return -1;
}

/**
 * One input of a data set from an array whose first axis runs over samples.
 *
 * @param name what to call the array in an error
 * @throws QtamlError `data-mismatch` without samples, `non-finite` where a number is NaN or infinite
 */
export function samplesOf(array: NpyArray, name: string): { count: number; samples: SampleArray } {
  const [count, ...dims] = array.dims;
  if (count === undefined || count === 0) {
    throw new QtamlError("data-mismatch", `${name} holds no samples; its first axis must run over samples.`);
  }
  const { data } = array;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    const bad = firstNonFinite(data);
    if (bad >= 0) {
      throw new QtamlError(
        "non-finite",
        `${name} holds ${data[bad]} in sample ${Math.floor((bad * count) / data.length)}; remove or replace it.`,
      );
    }
  }
  const samples: SampleArray = { dims, data, ...(array.isBoolean === true ? { isBoolean: true } : {}) };
  return { count, samples };
}

/** Whether a number is whole and fits in 32 bits with its sign. */
const isWhole32 = (v: number) => (v | 0) === v;

/**
 * Labels from an array whose first axis runs over samples. Axes of size one are dropped. Numbers that are all whole
 * are classes, whatever their type; others are targets.
 *
 * @param name what to call the array in an error
 * @throws QtamlError `data-mismatch` when they are not one entry a sample, `non-finite` for a NaN or an infinity
 */
export function labelsOf(array: NpyArray, count: number, name: string): Labels {
  const [first, ...rest] = array.dims;
  if (first !== count) {
    throw new QtamlError(
      "data-mismatch",
      `There are ${count} samples, but ${name} has shape [${array.dims.join(", ")}]; give labels for each sample.`,
    );
  }
  const dims = rest.filter((d) => d !== 1);
  const { data } = array;
  if (data.BYTES_PER_ELEMENT < 4 || data instanceof Int32Array) {
    return { dims, data: data instanceof Int32Array ? data : Int32Array.from(data as Uint8Array) };
  }
  const numbers = Float64Array.from(data as ArrayLike<number | bigint>, Number);
  const size = Math.max(1, product(dims));
  const bad = firstNonFinite(numbers);
  if (bad >= 0) {
    throw new QtamlError(
      "non-finite",
      `${name} holds ${numbers[bad]} for sample ${Math.floor(bad / size)}; remove or replace it.`,
    );
  }
  return { dims, data: numbers.every(isWhole32) ? Int32Array.from(numbers) : Float32Array.from(numbers) };
}

/**
 * The class of each sample.
 *
 * @throws QtamlError `data-mismatch` when there is not one whole number from 0 a sample
 */
export function classLabels(labels: Labels): Int32Array {
  if (labels.dims.length > 0) {
    throw new QtamlError(
      "data-mismatch",
      `The labels of a sample have shape [${labels.dims.join(", ")}], where one class a sample is needed; give class numbers from 0.`,
    );
  }
  const { data } = labels;
  const bad = data.findIndex((label) => label < 0 || !isWhole32(label));
  if (bad >= 0) {
    throw new QtamlError(
      "data-mismatch",
      `Label ${data[bad]} of sample ${bad} is not a class number; labels are whole numbers from 0.`,
    );
  }
  return data instanceof Int32Array ? data : Int32Array.from(data);
}

/**
 * A data set from named arrays: `y` holds the labels, every other array is an input.
 *
 * @param name what to call the file in an error
 * @param hasLabels whether an array "y" holds labels; an input otherwise
 * @throws QtamlError `data-mismatch`, `non-finite`, or `invalid-file` when there is no input
 */
export function datasetOf(arrays: ReadonlyMap<string, NpyArray>, name: string, hasLabels = true): Dataset {
  const inputs = new Map<string, SampleArray>();
  let count: number | undefined;
  for (const [key, array] of arrays) {
    if (key === "y" && hasLabels) continue;
    const found = samplesOf(array, `"${key}" of ${name}`);
    count ??= found.count;
    if (found.count !== count) {
      const [first] = inputs.keys();
      throw new QtamlError(
        "data-mismatch",
        `${name} has ${count} samples in "${first}" but ${found.count} in "${key}"; give each input for the same samples.`,
      );
    }
    inputs.set(key, found.samples);
  }
  if (count === undefined) {
    throw new QtamlError(
      "invalid-file",
      `${name} has no inputs (it has ${[...arrays.keys()].join(", ") || "nothing"}); save it with numpy.savez(..., x=..., y=...).`,
    );
  }
  const y = hasLabels ? arrays.get("y") : undefined;
  return { count, inputs, labels: y === undefined ? undefined : labelsOf(y, count, `"y" of ${name}`) };
}

/**
 * Parses an `.npz` whose `y`, where there is one, holds labels, and whose other arrays are inputs.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file`, `data-mismatch` or `non-finite`
 */
export function parseDataset(bytes: Uint8Array, name: string): Dataset {
  return datasetOf(parseNpz(bytes, name), name);
}
