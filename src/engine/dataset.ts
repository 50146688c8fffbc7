/**
 * @file Data sets: inputs and, where accuracy is asked, labels; and whether they fit a model.
 */
import { QtamlError } from "../errors.ts";
import { elementCount, parseNpz, type NpyData, type OnnxModel } from "../onnx/index.ts";

/** Inputs of one kind, one after the other. */
export interface Dataset {
  /** Number of samples. */
  readonly count: number;
  /** Dimensions of one sample. */
  readonly sampleDims: readonly number[];
  /** [count * elements of a sample] float32. */
  readonly inputs: Float32Array;
  /** [count] class of each sample; undefined when the data set has none. */
  readonly labels: Int32Array | undefined;
}

/**
 * Parses an `.npz` with `x` (float32, or uint8 scaled by 1/255) and optionally `y` (integers).
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` or `data-mismatch`
 */
export function parseDataset(bytes: Uint8Array, name: string): Dataset {
  const arrays = parseNpz(bytes, name);
  const x = arrays.get("x");
  if (x === undefined) {
    throw new QtamlError(
      "invalid-file",
      `${name} has no array "x" with the inputs (it has ${[...arrays.keys()].join(", ") || "none"}); save it with numpy.savez(..., x=..., y=...).`,
    );
  }
  const [count, ...sampleDims] = x.dims;
  if (count === undefined || count === 0) {
    throw new QtamlError(
      "data-mismatch",
      `"x" of ${name} holds no samples; its first axis must run over samples.`,
    );
  }
  const inputs = toFloat32(x.data, name);
  const bad = inputs.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) {
    throw new QtamlError(
      "non-finite",
      `"x" of ${name} holds ${inputs[bad]} in sample ${Math.floor((bad * count) / inputs.length)}; remove or replace it.`,
    );
  }
  const y = arrays.get("y");
  return {
    count,
    sampleDims,
    inputs,
    labels: y === undefined ? undefined : toLabels(y.data, y.dims, count, name),
  };
}

function toFloat32(data: NpyData, name: string): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Uint8Array) return Float32Array.from(data, (v) => v / 255);
  if (data instanceof Float64Array) return Float32Array.from(data);
  throw new QtamlError(
    "data-mismatch",
    `"x" of ${name} must be float32, or uint8 (which is scaled by 1/255); convert it with astype("float32").`,
  );
}

function toLabels(data: NpyData, dims: readonly number[], count: number, name: string): Int32Array {
  if (elementCount(dims) !== count) {
    throw new QtamlError(
      "data-mismatch",
      `${name} has ${count} samples in "x" but "y" has shape [${dims.join(", ")}]; give one label a sample.`,
    );
  }
  const labels = Int32Array.from(data as ArrayLike<number | bigint>, Number);
  const bad = labels.findIndex((label, i) => label < 0 || Number(data[i]) !== label);
  if (bad >= 0) {
    throw new QtamlError(
      "data-mismatch",
      `Label ${data[bad]} of sample ${bad} in ${name} is not a class number; labels are whole numbers from 0.`,
    );
  }
  return labels;
}

/** Samples `from` to `to` (exclusive) of a data set; shares the inputs. */
export function sliceDataset(data: Dataset, from: number, to: number): Dataset {
  const size = elementCount(data.sampleDims);
  const end = Math.min(to, data.count);
  return {
    count: end - from,
    sampleDims: data.sampleDims,
    inputs: data.inputs.subarray(from * size, end * size),
    labels: data.labels?.subarray(from, end),
  };
}

/** The input and the output that a network is judged by. */
export interface ModelIo {
  readonly input: string;
  readonly output: string;
  /** Number of samples the model takes at once; undefined when it takes any number. */
  readonly fixedBatch: number | undefined;
  /** Declared dimensions of one sample; undefined where open. */
  readonly sampleDims: readonly (number | undefined)[] | undefined;
}

/**
 * The single input of a model and its first output.
 *
 * @throws QtamlError `unsupported-model` when the model has no input or several
 */
export function modelIo(model: OnnxModel): ModelIo {
  const constants = new Set(model.graph.initializer.map((t) => t.name));
  const inputs = model.graph.input.filter((i) => !constants.has(i.name));
  const [input] = inputs;
  const output = model.graph.output[0];
  if (input === undefined || output === undefined || inputs.length !== 1) {
    throw new QtamlError(
      "unsupported-model",
      `The model has ${inputs.length} inputs (${inputs.map((i) => i.name).join(", ")}) and ${model.graph.output.length} outputs; one input and at least one output are supported.`,
    );
  }
  const tensor = input.type?.value.case === "tensorType" ? input.type.value.value : undefined;
  const dims = tensor?.shape?.dim.map((d) =>
    d.value.case === "dimValue" && d.value.value > 0n ? Number(d.value.value) : undefined,
  );
  return { input: input.name, output: output.name, fixedBatch: dims?.[0], sampleDims: dims?.slice(1) };
}

/**
 * Checks that samples fit a model's input.
 *
 * @throws QtamlError `data-mismatch` that names both shapes
 */
export function checkFits(io: ModelIo, data: Pick<Dataset, "sampleDims">): void {
  const expected = io.sampleDims;
  if (expected === undefined) return;
  const fits =
    expected.length === data.sampleDims.length &&
    expected.every((d, i) => d === undefined || d === data.sampleDims[i]);
  if (!fits) {
    const shape = ["N", ...expected.map((d) => d ?? "?")].join(", ");
    throw new QtamlError(
      "data-mismatch",
      `The model takes "${io.input}" of shape [${shape}], but the data have shape [N, ${data.sampleDims.join(", ")}]; reshape "x" to fit.`,
    );
  }
}

/**
 * Checks labels against the number of classes.
 *
 * @throws QtamlError `data-mismatch` when one is out of range
 */
export function checkLabels(labels: Int32Array, classes: number): void {
  const bad = labels.findIndex((label) => label >= classes);
  if (bad >= 0) {
    throw new QtamlError(
      "data-mismatch",
      `Label ${labels[bad]} of sample ${bad} is out of range: the model has ${classes} classes, numbered from 0.`,
    );
  }
}
