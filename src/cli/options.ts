/**
 * @file Flags that several commands share, and how their words become values.
 */
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";

/** A number from the command line. */
export function parseNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
}

/** A whole number from 0. */
export function parseWhole(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError(`"${text}" is not a whole number from 0.`);
  return value;
}

/** A whole number from 1. */
export function parsePositive(text: string): number {
  const value = parseWhole(text);
  if (value === 0) throw new InvalidArgumentError("at least 1 is needed.");
  return value;
}

/** One number, or a list of numbers separated by commas. */
export function parseNumbers(text: string): number | number[] {
  const values = text.split(",").map(parseNumber);
  return values.length === 1 ? values[0]! : values;
}

/** The flags that say how likely a stored bit flips. */
export const flipOptions = {
  device: new Option("--device <file>", "device file (YAML or JSON) that describes the memory"),
  p: new Option("--p <p>", "flip probability of every bit, or a list with bit 0 first").argParser(
    parseNumbers,
  ),
  p01: new Option("--p01 <p>", "probability that a stored 0 reads as 1 (or a list)").argParser(parseNumbers),
  p10: new Option("--p10 <p>", "probability that a stored 1 reads as 0 (or a list)").argParser(parseNumbers),
} as const;

/** Collects the values of a flag that may be given several times. */
const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

/** What the memory holds and how. */
export const storageOptions = {
  format: new Option(
    "--format <name>",
    "number format of float weights, such as int8, int4, fp16; unless given, 16-bit floats stay as they are and others become int8",
  ),
  granularity: new Option("--granularity <grain>", "one quantisation step a tensor or an output channel")
    .choices(["tensor", "channel"] as const)
    .default("tensor" as const),
  parameterFormat: new Option(
    "--parameter-format <name>",
    "number format of biases, normalisation parameters and scales; unless given, 16-bit floats stay as they are and others become bf16",
  ),
  include: new Option(
    "--include <pattern>",
    "hold only tensors whose name matches, such as 'encoder*' (repeatable)",
  ).argParser(collect),
  exclude: new Option("--exclude <pattern>", "leave out tensors whose name matches (repeatable)").argParser(
    collect,
  ),
  biases: new Option("--biases", "hold biases and other added constants as well"),
  normalisation: new Option("--normalisation", "hold normalisation parameters and other factors as well"),
  quantisationParameters: new Option(
    "--quantisation-parameters",
    "hold scales and zero points of quantised values as well",
  ),
  integers: new Option("--integers", "hold shapes, axes and indices as well, in 16 bits"),
} as const;

/** Which data, and what is judged of the model. */
export const dataOptions = {
  data: new Option(
    "--data <path>",
    ".npz, .npy, IDX, .csv, or a folder of images (docs/data.md); NAME=PATH for one of several inputs",
  ).argParser(collect),
  calibration: new Option(
    "--calibration <path>",
    "unlabelled inputs for the Jacobian, as --data is given; --data by default",
  ).argParser(collect),
  labels: new Option("--labels <file>", "labels of --data in a file of their own"),
  labelColumn: new Option(
    "--label-column <column>",
    "column of labels in a table: its name, or number from 0",
  ),
  preprocessing: new Option(
    "--preprocessing <file>",
    "how images are resized, cropped and normalised: a file, or settings in braces",
  ),
  feed: new Option(
    "--feed <name=value>",
    "input that is the same for every sample: a number, zeros, ones, or an .npy file",
  ).argParser(collect),
  limit: new Option("--limit <n>", "samples to take; all by default").argParser(parsePositive),
  outputName: new Option("--output-name <name>", "output to judge by; the first one by default"),
} as const;

/** Flags that every command has. */
export const commonOptions = {
  json: new Option("--json", "print JSON for machines"),
  quiet: new Option("--quiet", "no progress"),
  seed: new Option("--seed <n>", "seed of everything random").argParser(parseWhole).default(0),
} as const;
