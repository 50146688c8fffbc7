/**
 * @file Reads data sets from files: what kind a file is, its samples, its labels, and what goes with them.
 */
import { statSync } from "node:fs";
import { basename, extname } from "node:path";
import { fileSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import { datasetOf, samplesOf, unnamedInput, type Dataset, type SampleArray } from "./dataset.ts";
import type { NpyArray } from "./decode.ts";
import { readFolder } from "./folder.ts";
import { idxFormat, isIdx } from "./idx.ts";
import type { NamedLabels } from "./label-words.ts";
import { labelTable, readLabels } from "./labels.ts";
import { splitNamed } from "./named.ts";
import { isNpy, npyFormat } from "./npy.ts";
import { readNpz, splitArchive } from "./npz.ts";
import { normalise, withDefaults, type Preprocessing } from "./preprocessing.ts";
import { readConstants, readPreprocessing } from "./settings.ts";
import { contentStart, isZip, readArray, readRows } from "./stream.ts";
import { Table } from "./table.ts";

/** Sizes that a model declares for an input, the batch included. */
export type DeclaredShape = readonly (number | string | undefined)[] | undefined;

/** Which data to read, as flags name them. */
export interface DataRequest {
  /** Files or folders, each as `PATH` or `NAME=PATH`; one array of an archive as `FILE.npz:ARRAY`. */
  readonly data: readonly string[];
  /** File of labels: an array, or a table. */
  readonly labels?: string | undefined;
  /** Column of labels in a table: its name, or its number from 0. */
  readonly labelColumn?: string | undefined;
  /** Preprocessing of images: a file, or settings in braces. */
  readonly preprocessing?: string | undefined;
  /** Inputs that are the same for every sample, each as `NAME=VALUE`. */
  readonly feed?: readonly string[] | undefined;
  /** Samples to take from the start (from each class in turn, of a folder); all unless given. */
  readonly limit?: number | undefined;
  /** What the model declares of an input; undefined names its only input. Images take their size from it. */
  readonly declared?: (input: string | undefined) => DeclaredShape;
}

/** A data set, and the names of its classes where the files have them. */
export interface ReadData {
  /** Inputs, with labels where there are any. */
  readonly dataset: Dataset;
  /** The archive that an input comes from, by the name of the input, as the request names it. */
  readonly archives: ReadonlyMap<string, string>;
  /** In the order of their numbers. */
  readonly classNames?: readonly string[];
  /** The first line's title above labels that are words, where it is taken for one because it is none of the others. */
  readonly guessedTitle?: string;
}

/** What a file holds. */
type Found =
  | { readonly kind: "arrays"; readonly dataset: Dataset }
  | ({
      readonly kind: "samples";
      readonly count: number;
      readonly samples: SampleArray;
      /** Set where the labels come from the table that the request names. */
      readonly isTableUsed?: boolean;
    } & Partial<NamedLabels>);

type Context = DataRequest & { readonly prepared: Preprocessing };

/** One channel axis for the images of IDX files, which have none. */
const withChannel = (array: NpyArray): NpyArray =>
  array.dims.length === 3 ? { ...array, dims: [array.dims[0]!, 1, ...array.dims.slice(1)] } : array;

/** Scales and normalises an array of images, which has three axes a sample; others are left as they are. */
function prepareArray(samples: SampleArray, { prepared }: Context, name: string): SampleArray {
  const { dims, data } = samples;
  const { scale, resize, crop, layout = "nchw" } = prepared;
  if (dims.length !== 3 || data instanceof BigInt64Array || data instanceof BigUint64Array) return samples;
  if (resize !== undefined || crop !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      `${name} holds an array, and only folders of images are resized and cropped; take "resize" and "crop" out of the preprocessing.`,
    );
  }
  if (scale === undefined) return samples;
  const [channels, area] = layout === "nchw" ? [dims[0]!, dims[1]! * dims[2]!] : [dims[2]!, 1];
  return { dims, data: normalise(data, prepared, channels, (i) => Math.floor(i / area) % channels) };
}

/** Whether `PATH` or `NAME=PATH` ends as the path of a table. */
export const isTablePath = (text: string): boolean => /\.(csv|tsv|txt)(\.gz)?$/i.test(text);

async function readFile(given: string, input: string | undefined, context: Context): Promise<Found> {
  const { file: path, array: wanted } = splitArchive(given);
  const name = basename(path);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    const { prepared, limit, labels, labelColumn, declared } = context;
    const settled = withDefaults(prepared, declared?.(input));
    const table = labels === undefined ? undefined : await labelTable(labels);
    const isLabelledElsewhere = labels !== undefined && table === undefined;
    const found = await readFolder(path, settled, { limit, table, labelColumn, isLabelledElsewhere });
    return { kind: "samples", ...found, isTableUsed: table !== undefined };
  }
  const source = fileSource(path, "Data");
  const head = await contentStart(source, name);
  if (isZip(head) || (extname(path) === ".npz" && !isNpy(head))) {
    const arrays = await readNpz(source, name, context.limit, wanted);
    if (wanted !== undefined) {
      const { count, samples } = samplesOf(arrays.get(wanted)!, `"${wanted}" of ${name}`);
      return { kind: "samples", count, samples: prepareArray(samples, context, name) };
    }
    const dataset = datasetOf(arrays, name, context.labels === undefined);
    const inputs = Array.from(
      dataset.inputs,
      ([key, samples]) => [key, prepareArray(samples, context, name)] as const,
    );
    return { kind: "arrays", dataset: { ...dataset, inputs: new Map(inputs) } };
  }
  if (isNpy(head) || isIdx(head)) {
    const array = await readArray(source, name, isNpy(head) ? npyFormat : idxFormat, context.limit);
    const { count, samples } = samplesOf(isNpy(head) ? array : withChannel(array), name);
    return { kind: "samples", count, samples: prepareArray(samples, context, name) };
  }
  if (isTablePath(path)) {
    const { limit, labels, prepared } = context;
    // With a file of labels the column is one of that file.
    const labelColumn = labels === undefined ? context.labelColumn : undefined;
    const table = new Table({ name, labelColumn, limit, classes: prepared.classes });
    for await (const { cells, line } of readRows(source, name)) if (!table.push(cells, line)) break;
    return { kind: "samples", ...table.finish() };
  }
  throw new QtamlError(
    "invalid-file",
    `${name} is not data that can be read; give .npy, .npz, IDX (.gz too), .csv, or a folder of images.`,
  );
}

/**
 * Reads a data set.
 *
 * @throws QtamlError `file-access`, `invalid-file`, `data-mismatch`, `non-finite` or `invalid-argument`, with the file
 *   and the place in it
 */
export async function readDataset(request: DataRequest): Promise<ReadData> {
  const context: Context = { ...request, prepared: readPreprocessing(request.preprocessing) };
  const inputs = new Map<string, SampleArray>();
  const archives = new Map<string, string>();
  let count: number | undefined;
  let firstPath = "";
  let named: Partial<NamedLabels> = {};
  let isTableUsed = false;
  const add = (key: string, path: string, found: number, samples: SampleArray) => {
    if (inputs.has(key)) {
      throw new QtamlError(
        "invalid-argument",
        `Two --data are for the input "${key}"; give each a name of its own, as in --data NAME=${path}.`,
      );
    }
    if (count !== undefined && found !== count) {
      throw new QtamlError(
        "data-mismatch",
        `${firstPath} has ${count} samples but ${path} has ${found}; give each input for the same samples.`,
      );
    }
    count = found;
    firstPath ||= path;
    inputs.set(key, samples);
  };
  for (const entry of request.data) {
    const { name, path } = splitNamed(entry);
    const found = await readFile(path, name, context);
    if (found.kind === "samples") {
      add(name ?? unnamedInput, path, found.count, found.samples);
      if (found.labels !== undefined) named = found;
      isTableUsed ||= found.isTableUsed === true;
      continue;
    }
    const { dataset } = found;
    if (name !== undefined && dataset.inputs.size > 1) {
      throw new QtamlError(
        "invalid-argument",
        `${basename(path)} holds several inputs (${[...dataset.inputs.keys()].join(", ")}), which have names already; give --data ${path} without "${name}=".`,
      );
    }
    for (const [key, samples] of dataset.inputs) {
      add(name ?? key, path, dataset.count, samples);
      archives.set(name ?? key, path);
    }
    if (dataset.labels !== undefined) named = { labels: dataset.labels };
  }
  if (count === undefined) throw new QtamlError("invalid-argument", "No data are given; give --data FILE.");
  if (request.labels !== undefined && !isTableUsed) {
    const { labelColumn, limit } = request;
    named = await readLabels(request.labels, count, {
      labelColumn,
      limit,
      classes: context.prepared.classes,
    });
  }
  const { labels, classNames, guessedTitle } = named;
  const constants = await readConstants(request.feed ?? []);
  return {
    dataset: {
      count,
      inputs,
      labels,
      ...(constants.size === 0 ? {} : { constants }),
    },
    archives,
    ...(classNames === undefined ? {} : { classNames }),
    ...(guessedTitle === undefined ? {} : { guessedTitle }),
  };
}
