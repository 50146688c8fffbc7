/**
 * @file From flags to data sets.
 */
import { isTablePath, readDataset, type Dataset } from "../data/index.ts";
import { checkInputNames, modelIo } from "../engine/index.ts";
import { QtamlError } from "../errors.ts";
import type { OnnxModel } from "../onnx/index.ts";
import { note, type Manner } from "./output.ts";

/** Flags that name data. */
export interface DataFlags extends Manner {
  readonly data?: readonly string[] | undefined;
  readonly calibration?: readonly string[] | undefined;
  readonly labels?: string | undefined;
  readonly labelColumn?: string | undefined;
  readonly preprocessing?: string | undefined;
  readonly feed?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  /** The output to judge by. */
  readonly outputName?: string | undefined;
}

/** The choice of an output as the campaign takes it. */
export const outputOf = ({ outputName }: DataFlags): { output?: string } =>
  outputName === undefined ? {} : { output: outputName };

async function read(paths: readonly string[], flags: DataFlags, model: OnnxModel): Promise<Dataset> {
  const { labels, labelColumn, preprocessing, feed, limit } = flags;
  const files = [...(flags.data ?? []), ...(flags.calibration ?? [])];
  if (labelColumn !== undefined && labels === undefined && !files.some(isTablePath)) {
    throw new QtamlError(
      "invalid-argument",
      `--label-column ${labelColumn} is of a table, and the data are none; leave it out, or give a table with --labels.`,
    );
  }
  const { dataset, archives, classNames, guessedTitle } = await readDataset({
    data: paths,
    labels,
    labelColumn,
    preprocessing,
    feed,
    limit,
    declared(input) {
      const { inputs } = modelIo(model);
      const fed = new Set(feed?.map((text) => text.split("=")[0]));
      const open = input === undefined ? inputs.filter((i) => !fed.has(i.name)) : inputs;
      return open.find((i) => input === undefined || i.name === input)?.dims;
    },
  });
  checkInputNames(modelIo(model), dataset, archives);
  if (guessedTitle !== undefined) {
    note(`The first line of ${labels} is taken for a header: "${guessedTitle}" is no label below it.`, flags);
  }
  if (classNames !== undefined) {
    note(`Classes: ${classNames.map((name, i) => `${i} ${name}`).join(", ")}.`, flags);
  }
  return dataset;
}

/** The data to judge by; undefined without `--data`. */
export async function dataFromFlags(flags: DataFlags, model: OnnxModel): Promise<Dataset | undefined> {
  return flags.data === undefined ? undefined : read(flags.data, flags, model);
}

/** The inputs that the Jacobian is measured on, without labels; undefined without `--calibration`. */
export async function calibrationFromFlags(flags: DataFlags, model: OnnxModel): Promise<Dataset | undefined> {
  if (flags.calibration === undefined) return undefined;
  // A column of labels is left out of the features; a file of labels belongs to --data.
  const labelColumn = flags.labels === undefined ? flags.labelColumn : undefined;
  return read(flags.calibration, { ...flags, labels: undefined, labelColumn, quiet: true }, model);
}
