/**
 * @file Flags that several commands share, and how their words become values.
 */
import { Argument, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { providers, regimes } from "./choices.ts";

/** What to write instead of a number with a sign or a unit after it. */
function numberHint(text: string): string {
  const [, digits, rest] = /^\s*(\d*\.?\d+(?:e[+-]?\d+)?)\s*(%|[a-zµ]+)\s*$/i.exec(text) ?? [];
  if (rest === "%") return `: write ${digits} % as ${Number((Number(digits) / 100).toPrecision(12))}`;
  return rest === undefined ? "" : ": leave the unit out, --help names it";
}

/** A number from the command line. */
export function parseNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value))
    throw new InvalidArgumentError(`"${text}" is not a number${numberHint(text)}.`);
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

/** Chips to judge a mean by: a whole number from 2. */
export function parseChips(text: string): number {
  const value = parsePositive(text);
  if (value === 1) throw new InvalidArgumentError("two chips at least are needed for an interval.");
  return value;
}

/** A port: a whole number from 0 to 65535. */
export function parsePort(text: string): number {
  const value = parseWhole(text);
  if (value > 65_535) throw new InvalidArgumentError("ports end at 65535.");
  return value;
}

/** A number of images: a whole number from 1, all of them, or the number that is fastest. */
export function parseImages(text: string): number | "all" | "auto" {
  return text === "all" || text === "auto" ? text : parsePositive(text);
}

/** One number, or a list of numbers separated by commas. */
export function parseNumbers(text: string): number | number[] {
  const values = text.split(",").map(parseNumber);
  return values.length === 1 ? values[0]! : values;
}

/** A list of numbers separated by commas. */
export const parseNumberList = (text: string): number[] => [parseNumbers(text)].flat();

/** Headings of the help, in the order of the flags. */
export const groups = {
  task: "Options:",
  flips: "Flips of the memory:",
  storage: "What the memory holds (docs/memory.md):",
  data: "Data (docs/data.md):",
  memory: "Memory image (docs/silicon.md):",
  judging: "What chips are judged by (docs/measures.md):",
  campaign: "How long chips are tried (docs/campaigns.md):",
  running: "Running:",
} as const;

/** The same flags under a heading. */
export function grouped<T extends Readonly<Record<string, Option>>>(heading: string, options: T): T {
  for (const option of Object.values(options)) option.helpGroup(heading);
  return options;
}

/** The flags that say how likely a stored bit flips. */
export const flipOptions = grouped(groups.flips, {
  device: new Option("--device <file>", "device file (YAML or JSON) that describes the memory"),
  p: new Option("--p <p>", "flip probability of every bit, or a list with bit 0 first").argParser(
    parseNumbers,
  ),
  p01: new Option("--p01 <p>", "probability that a stored 0 reads as 1 (or a list)").argParser(parseNumbers),
  p10: new Option("--p10 <p>", "probability that a stored 1 reads as 0 (or a list)").argParser(parseNumbers),
} as const);

/** Collects the values of a flag that may be given several times. */
export const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

/** How a flag takes several values: in one word with commas, or one each time it is given; undefined for one value. */
export function listForm({ parseArg }: Pick<Option, "parseArg">): "commas" | "repeated" | undefined {
  const parser: unknown = parseArg;
  if (parser === parseNumbers || parser === parseNumberList) return "commas";
  return parser === collect ? "repeated" : undefined;
}

/** The flags that say how bits come to be wrong, beyond how likely they flip. */
export const faultOptions = grouped(groups.flips, {
  faults: new Option(
    "--faults <model>",
    "burst:length=4, word-line:rate=1e-4, stuck-at:share=1e-5, thickness:sigmaNm=0.05,slopePerNm=-20, layout:columns=512, or a YAML or JSON file (docs/faults.md; repeatable; independent flips by default)",
  ).argParser(collect),
  regime: new Option(
    "--regime <when>",
    "quenched: one draw a chip (default); redrawn: flips are drawn for every read",
  ).choices(regimes),
  reads: new Option(
    "--reads <n>",
    "reads of a chip with --regime redrawn, each for a part of the samples",
  ).argParser(parsePositive),
  intervals: new Option("--intervals <n>", "refresh intervals over which flips add up").argParser(
    parsePositive,
  ),
} as const);

/** What the memory holds and how. */
export const storageOptions = grouped(groups.storage, {
  format: new Option(
    "--format <name>",
    "number format of float weights, such as int8, int4-gray, fp8-e4m3, fp16; unless given, 16-bit floats stay as they are and others become int8",
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
} as const);

/** Which data, and what is judged of the model. */
export const dataOptions = grouped(groups.data, {
  data: new Option(
    "--data <path>",
    ".npz, .npy, IDX, .csv, or a folder of images; NAME=PATH for one of several inputs",
  ).argParser(collect),
  calibration: new Option(
    "--calibration <path>",
    "unlabelled inputs for the Jacobian, as --data is given; --data by default",
  ).argParser(collect),
  labels: new Option(
    "--labels <file>",
    "labels of --data in a file of their own; an .npz has them in its array y",
  ),
  labelColumn: new Option(
    "--label-column <column>",
    "column of labels in a table: its name, or its number from 0 (-1 is the last)",
  ),
  preprocessing: new Option(
    "--preprocessing <file>",
    "how images are resized, cropped and normalised: a file, or settings in braces",
  ),
  feed: new Option(
    "--feed <name=value>",
    "input that is the same for every sample: a number, zeros, ones, or an .npy file",
  ).argParser(collect),
  limit: new Option("--limit <n>", "number of samples to take; all by default").argParser(parsePositive),
  outputName: new Option("--output-name <name>", "output that counts; the first one by default"),
} as const);

/** How chips are judged. */
export const judgingOptions = grouped(groups.judging, {
  keep: new Option("--keep <share>", "share of the clean result to keep").argParser(parseNumber),
  measure: new Option(
    "--measure <name>",
    "top-1, top-5, agreement, sdc, cross-entropy, mse, snr, r2, miou, ..., or a module such as ./my-measure.mjs; unless given, what fits the labels and outputs",
  ),
  ignoreLabel: new Option(
    "--ignore-label <n>",
    "label of pixels that are not judged (default: 255)",
  ).argParser(parseWhole),
} as const);

/** The memory image that is written. */
export const memoryOptions = grouped(groups.memory, {
  memory: new Option("--memory <folder>", "write the memory image: contents, layout, RTL and C header"),
  code: new Option(
    "--code <name>",
    "code of the protected bits, such as secded(72,64); none: they lie in cells that do not fail",
  ),
  interleave: new Option("--interleave <n>", "codewords that share a row, bit by bit")
    .argParser(parsePositive)
    .default(1),
  rowBits: new Option("--row-bits <n>", "bits of a row of regions without a code")
    .argParser(parsePositive)
    .default(32),
  polarity: new Option("--polarity <p>", "inverted: the memory holds the complement of every bit")
    .choices(["true", "inverted"] as const)
    .default("true" as const),
  rtl: new Option("--no-rtl", "leave out the encoder and decoder in SystemVerilog"),
} as const);

/** Flags that every command has. */
export const commonOptions = grouped(groups.running, {
  json: new Option("--json", "print JSON for machines"),
  quiet: new Option("--quiet", "no progress on standard error"),
  seed: new Option("--seed <n>", "seed of everything random").argParser(parseWhole).default(0),
} as const);

/** Where work is done. */
export const runningOptions = grouped(groups.running, {
  threads: new Option("--threads <n>", "worker threads; all cores by default, at most four a core").argParser(
    parsePositive,
  ),
  on: new Option(
    "--on <url>",
    "run on the workers of a queue: redis://host:6379 or postgres://user@host:5432/database (docs/workers.md)",
  ),
  provider: new Option(
    "--provider <name>",
    "what runs the network: cpu (default), or webgpu for the GPU of this machine, whose numbers differ in rounding",
  ).choices(providers),
  queue: new Option("--queue <name>", "name of the queue on that server").default("qtaml"),
} as const);

/** The network. */
export const modelArgument = new Argument("<model>", "ONNX model");

/** Command lines under the help. */
export const example = (...lines: string[]): string =>
  `\nExample:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;
