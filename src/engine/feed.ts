/**
 * @file Feeds a model: which data go to which input, in which shape and type, and how many samples a call.
 */
import { unnamedInput, type Constant, type Dataset, type SampleArray } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import { elementCount } from "../onnx/index.ts";
import { convertElements, feedType, type FeedType } from "./convert.ts";
import { formatDims, formatInputs, type DeclaredSize, type ModelInput, type ModelIo } from "./io.ts";
import { makeTensor, type Tensor, type Values } from "./session.ts";

/** Samples a call of the runtime; activations of small networks then stay in the cache. */
const batchSize = 50;

/** Elements of the largest input that is filled with one number or repeated: 1 GB of float32. */
const largestConstant = 2 ** 28;

/** An input of the model and the data it gets. */
interface SampleFeed {
  readonly input: ModelInput;
  readonly type: FeedType;
  readonly array: SampleArray;
  /** Dimensions of one sample as the model takes it, without the batch. */
  readonly dims: readonly number[];
  /** Whether the input's first axis runs over samples; otherwise a call takes one sample. */
  readonly hasBatch: boolean;
}

/** How a data set goes into a model. */
export interface FeedPlan {
  readonly count: number;
  /** Number of samples the model takes at once; undefined when it takes any number, or one a call. */
  readonly fixedBatch: number | undefined;
  /** Most samples a call. */
  readonly step: number;
  readonly samples: readonly SampleFeed[];
  readonly constants: readonly { input: ModelInput; type: FeedType; constant: Constant }[];
}

/** A data set in the model's element types, ready to be fed. */
export interface BoundInputs extends FeedPlan {
  /** The values of all inputs for samples `from` to `to` (exclusive); a fixed batch is filled up with the first of them. */
  feeds(from: number, to: number): Values;
}

const fits = (declared: readonly DeclaredSize[], dims: readonly number[]) =>
  declared.length === dims.length && declared.every((d, i) => typeof d !== "number" || d === dims[i]);

/**
 * The shape of a sample as a model takes it. Where the data have one axis more than a sample needs, that of the
 * batch, the model takes many samples at once; where they have all its axes, it takes one a call. Data that differ
 * from a fixed shape in axes of size one only, or that the model takes as one row, are reshaped.
 */
function fitShape(input: ModelInput, dims: readonly number[]): Pick<SampleFeed, "dims" | "hasBatch"> {
  const declared = input.dims;
  if (declared === undefined) return { dims, hasBatch: true };
  const sample = declared.slice(1);
  if (declared.length > 0 && fits(sample, dims)) return { dims, hasBatch: true };
  if (fits(declared, dims)) return { dims, hasBatch: false };
  const fixed = sample.filter((d) => typeof d === "number");
  const isWhole = declared.length > 0 && fixed.length === sample.length;
  const longAxes = (sizes: readonly number[]) => sizes.filter((d) => d !== 1).join();
  const isRow = fixed.length === 1 && fixed[0] === elementCount(dims);
  if (isWhole && (isRow || longAxes(fixed) === longAxes(dims))) return { dims: fixed, hasBatch: true };
  // A picture of one channel has one order of its pixels; what a row of three channels holds cannot be told.
  const isPicture = dims.length === 1 && fixed.length === 3 && fixed.filter((d) => d !== 1).length === 2;
  if (isWhole && isPicture && elementCount(fixed) === dims[0]) return { dims: fixed, hasBatch: true };
  throw new QtamlError(
    "data-mismatch",
    `The model takes "${input.name}" of shape ${formatDims(["N", ...sample])}, but the data have shape [${["N", ...dims].join(", ")}]; ${shapeRemedy(isWhole ? fixed : undefined, dims)}.`,
  );
}

/** What to do with data of a wrong shape; `fixed` is the sample's shape where the model fixes it whole. */
function shapeRemedy(fixed: readonly number[] | undefined, dims: readonly number[]): string {
  const general = "reshape or transpose them to fit";
  if (fixed === undefined) return general;
  const wanted = elementCount(fixed);
  if (dims.length === 1 && dims[0]! - 1 === wanted)
    return "name the column of labels with --label-column, or leave a column out";
  const [a, b, c] = dims;
  if (dims.length === 3 && fixed.length === 3 && dims.join() !== fixed.join()) {
    if (fixed.join() === [c, a, b].join())
      return "their channels come last, the model's first: in NumPy, x.transpose(0, 3, 1, 2)";
    if (fixed.join() === [b, c, a].join())
      return "their channels come first, the model's last: in NumPy, x.transpose(0, 2, 3, 1)";
  }
  return elementCount(dims) === wanted
    ? `they are as many numbers: in NumPy, x.reshape(-1, ${fixed.join(", ")}), if that is their order`
    : general;
}

/**
 * Why arrays of an archive do not fit, and the flags that choose among them: with their names, where one can be the
 * only input and one the labels.
 *
 * @param stranger an array that is no input of the model
 */
function arrayProblem(
  io: ModelIo,
  open: readonly ModelInput[],
  { inputs: arrays, labels }: Dataset,
  stranger: string,
  archives: ReadonlyMap<string, string>,
): string {
  const file = archives.get(stranger) ?? "FILE.npz";
  const rank = open.length === 1 ? (open[0]!.dims?.length ?? 0) - 1 : 0;
  const fitting = Array.from(arrays.keys()).filter((name) => arrays.get(name)!.dims.length === rank);
  const scalars = Array.from(arrays.keys()).filter((name) => arrays.get(name)!.dims.length === 0);
  const chosen =
    open.length === 1 && arrays.has(unnamedInput)
      ? unnamedInput
      : rank > 0 && fitting.length === 1
        ? fitting[0]
        : undefined;
  const [wanted] = scalars.length === 1 && labels === undefined ? scalars : [];
  const more = wanted === undefined || wanted === chosen ? "" : ` --labels ${file}:${wanted}`;
  if (chosen !== undefined && arrays.size > 1) {
    const names = [...arrays.keys()];
    const list = new Intl.ListFormat("en-GB").format(names);
    const owner = archives.has(stranger) ? `${file} has` : "The data have";
    return `${owner} the arrays ${list}, but the model takes ${formatInputs(io)} alone; give --data ${file}:${chosen}${more}.`;
  }
  const flags =
    chosen === undefined
      ? `--data NAME=${file}:ARRAY and --labels ${file}:ARRAY`
      : `--data ${file}:${chosen}${more}`;
  return `The model has no input "${stranger}"; it takes ${formatInputs(io)}. Name the data so ("x" goes to a model's only input, "y" are labels), or choose arrays by ${flags}.`;
}

/** The model's input that each array of a data set goes to. */
function matchNames(
  io: ModelIo,
  data: Dataset,
  archives: ReadonlyMap<string, string> = new Map(),
): Map<string, SampleArray> {
  const constants = data.constants ?? new Map<string, Constant>();
  const named = new Map(data.inputs);
  const twice = [...constants.keys()].find((name) => named.has(name));
  if (twice !== undefined) {
    throw new QtamlError(
      "data-mismatch",
      `The input "${twice}" is given twice, by the data and as the same for every sample; leave one out.`,
    );
  }
  const known = new Set(io.inputs.map((i) => i.name));
  const unfed = [...constants.keys()].find((name) => !known.has(name));
  if (unfed !== undefined) {
    throw new QtamlError(
      "data-mismatch",
      `--feed names the input "${unfed}", which the model does not have; it takes ${formatInputs(io)}.`,
    );
  }
  const open = io.inputs.filter((i) => !constants.has(i.name));
  const unnamed = named.get(unnamedInput);
  if (unnamed !== undefined && open.length === 1 && named.size === 1) {
    return new Map([[open[0]!.name, unnamed]]);
  }
  const stranger = [...named.keys()].find((name) => !known.has(name));
  if (stranger !== undefined) {
    throw new QtamlError("data-mismatch", arrayProblem(io, open, data, stranger, archives));
  }
  const missing = open.filter((i) => !named.has(i.name)).map((i) => i.name);
  if (missing.length > 0) {
    const [first] = missing;
    const which = `input${missing.length > 1 ? "s" : ""} ${missing.map((name) => `"${name}"`).join(", ")}`;
    throw new QtamlError(
      "data-mismatch",
      `Nothing is given for the ${which}; the model takes ${formatInputs(io)}. Give --data ${first}=FILE, or --feed ${first}=VALUE where it is the same for every sample.`,
    );
  }
  return named;
}

/**
 * Refuses a data set whose names are not those of the model's inputs.
 *
 * @param archives the archive that an input comes from, by the name of the input
 * @throws QtamlError `data-mismatch`
 */
export function checkInputNames(io: ModelIo, data: Dataset, archives: ReadonlyMap<string, string>): void {
  matchNames(io, data, archives);
}

/**
 * Decides how a data set is fed to a model.
 *
 * @throws QtamlError `data-mismatch` when names or shapes do not fit, `unsupported-model` for an input that cannot be fed
 */
export function planFeeds(io: ModelIo, data: Dataset): FeedPlan {
  const arrays = matchNames(io, data);
  const samples: SampleFeed[] = [];
  const constants: FeedPlan["constants"][number][] = [];
  for (const input of io.inputs) {
    const type = feedType(input);
    const array = arrays.get(input.name);
    if (array === undefined) constants.push({ input, type, constant: data.constants!.get(input.name)! });
    else samples.push({ input, type, array, ...fitShape(input, array.dims) });
  }
  if (samples.length === 0) {
    throw new QtamlError(
      "data-mismatch",
      "Every input of the model is the same for all samples; give --data for one of them at least.",
    );
  }
  const batches = new Set<number>();
  for (const { input, hasBatch } of samples) {
    const size = input.dims?.[0];
    if (hasBatch && typeof size === "number") batches.add(size);
  }
  const isOneByOne = samples.some((s) => !s.hasBatch);
  if (batches.size > 1 || (isOneByOne && [...batches].some((size) => size > 1))) {
    throw new QtamlError(
      "data-mismatch",
      `The inputs take different numbers of samples at once (${formatInputs(io)}); give those without a batch with --feed.`,
    );
  }
  const [fixedBatch] = isOneByOne ? [] : batches;
  const step = fixedBatch ?? (isOneByOne || data.isOneByOne === true ? 1 : batchSize);
  return { count: data.count, fixedBatch, step, samples, constants };
}

/** Sizes of the open axes that have names, in a call of so many samples. */
function namedSizes(plan: FeedPlan, batch: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { input, dims, hasBatch } of plan.samples) {
    const whole = hasBatch ? [batch, ...dims] : dims;
    input.dims?.forEach((d, i) => {
      if (typeof d === "string" && !sizes.has(d)) sizes.set(d, whole[i]!);
    });
  }
  return sizes;
}

/**
 * A constant in the shape it is fed in. Open axes take the size that the samples give their name, others that of the
 * array or one; an array is repeated along axes where it has size one, and along the batch where it lacks that axis.
 */
function constantTensor(
  { input, type, constant }: FeedPlan["constants"][number],
  sizes: ReadonlyMap<string, number>,
): Tensor {
  const given = "fill" in constant ? [] : [...constant.dims];
  const declared = input.dims ?? given;
  if ("dims" in constant) while (given.length < declared.length) given.unshift(1);
  const dims = declared.map((d, i) => {
    const own = given[i] ?? 1;
    if (typeof d === "number") return d;
    return (d === undefined ? undefined : sizes.get(d)) ?? own;
  });
  if (elementCount(dims) > largestConstant) {
    throw new QtamlError(
      "data-mismatch",
      `The input "${input.name}" of shape ${formatDims(dims)} is too large to be fed; give the model smaller sizes.`,
    );
  }
  if ("fill" in constant) {
    const one = convertElements({ data: Float64Array.of(constant.fill) }, type, input.name) as Uint8Array;
    const filled = new (one.constructor as Uint8ArrayConstructor)(elementCount(dims)).fill(one[0]!);
    return makeTensor(type, filled, dims);
  }
  if (given.length !== dims.length || given.some((d, i) => d !== 1 && d !== dims[i])) {
    throw new QtamlError(
      "data-mismatch",
      `The model takes "${input.name}" of shape ${formatDims(dims)}, but [${constant.dims.join(", ")}] was given with --feed; give an array of that shape, or one number for all of it.`,
    );
  }
  const indices = Float64Array.from({ length: elementCount(dims) }, (_, at) => {
    let from = 0;
    let stride = 1;
    let rest = at;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const index = rest % dims[axis]!;
      rest = (rest - index) / dims[axis]!;
      if (given[axis] !== 1) from += index * stride;
      stride *= given[axis]!;
    }
    return from;
  });
  const source = convertElements(constant, type, input.name) as Uint8Array;
  const repeated = new (source.constructor as Uint8ArrayConstructor)(indices.length);
  indices.forEach((from, to) => (repeated[to] = source[from]!));
  return makeTensor(type, repeated, dims);
}

/** A data set converted for a model. @throws QtamlError as `planFeeds` does, and where a number does not fit its type */
export function bindInputs(io: ModelIo, data: Dataset): BoundInputs {
  const plan = planFeeds(io, data);
  const converted = plan.samples.map((s) => convertElements(s.array, s.type, s.input.name) as Uint8Array);
  const constants = new Map<number, Values>();
  const constantsFor = (batch: number): Values => {
    const known = constants.get(batch);
    if (known !== undefined) return known;
    const sizes = namedSizes(plan, batch);
    const made = Object.fromEntries(plan.constants.map((c) => [c.input.name, constantTensor(c, sizes)]));
    constants.set(batch, made);
    return made;
  };
  return {
    ...plan,
    feeds(from, to) {
      const count = to - from;
      const batch = plan.fixedBatch ?? count;
      const feeds: Record<string, Tensor> = { ...constantsFor(batch) };
      plan.samples.forEach(({ input, type, dims, hasBatch }, s) => {
        const size = elementCount(dims);
        let part = converted[s]!.subarray(from * size, to * size);
        if (batch > count) {
          const first = part.subarray(0, size);
          const filled = new (part.constructor as Uint8ArrayConstructor)(batch * size);
          filled.set(part);
          for (let i = count; i < batch; i++) filled.set(first, i * size);
          part = filled;
        }
        feeds[input.name] = makeTensor(type, part, hasBatch ? [batch, ...dims] : dims);
      });
      return feeds;
    },
  };
}
