/** @file What several commands do alike: assess a model under flags, and open a simulation of it. */
import { resolve } from "node:path";
import {
  assess,
  flipLaw,
  survey,
  usualStorage,
  type Assessment,
  type Storage,
  type Survey,
} from "../../assessment/index.ts";
import { openSimulation, type ChipTrials, type SimulationOptions } from "../../simulation/index.ts";
import type { Dataset } from "../../data/index.ts";
import { isModuleName, openMeasure } from "../../engine/index.ts";
import { QtamlError } from "../../errors.ts";
import type { MeasureDescription } from "../../measure/index.ts";
import { isSafetensorsFile, type Granularity } from "../../onnx/index.ts";
import { calibrationFromFlags, dataFromFlags, outputOf, type DataFlags } from "../data.ts";
import { readModel, readModelOrWeights } from "../files.ts";
import { flipsFromFlags, type DescribedMemory, type FlipFlags } from "../memory.ts";
import { rememberCode } from "../own-code.ts";
import { formatPercent } from "../../report/index.ts";
import type { Progress } from "../progress.ts";

/** Flags of every command that assesses a model. */
export interface AssessFlags extends FlipFlags, DataFlags {
  readonly format?: string | undefined;
  readonly granularity: Granularity;
  readonly parameterFormat?: string | undefined;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly biases?: boolean | undefined;
  readonly normalisation?: boolean | undefined;
  readonly quantisationParameters?: boolean | undefined;
  readonly integers?: boolean | undefined;
  readonly samples?: number | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
}

/** What the memory holds, as flags say it. */
export function storageOf(flags: AssessFlags): Storage {
  return {
    format: flags.format ?? usualStorage.format,
    granularity: flags.granularity,
    parameterFormat: flags.parameterFormat ?? usualStorage.parameterFormat,
    biases: flags.biases === true,
    normalisation: flags.normalisation === true,
    quantisationParameters: flags.quantisationParameters === true,
    integers: flags.integers === true,
    include: flags.include ?? [],
    exclude: flags.exclude ?? [],
  };
}

/** Flags of every command that judges chips. */
export interface MeasureFlags {
  readonly measure?: string | undefined;
  readonly ignoreLabel?: number | undefined;
}

/**
 * The measure that flags name, opened once so that a wrong one is told at once; the path of a module is taken from the
 * working folder.
 *
 * @throws QtamlError for an unknown measure, or a module that cannot be used
 */
export async function measureFromFlags(flags: MeasureFlags): Promise<Pick<SimulationOptions, "measure">> {
  const ignored = flags.ignoreLabel === undefined ? {} : { ignoreLabel: flags.ignoreLabel };
  if (flags.measure === undefined) return { measure: ignored };
  const isModule = isModuleName(flags.measure);
  const name = isModule ? resolve(flags.measure) : flags.measure;
  if (isModule) rememberCode(name);
  await openMeasure({ name });
  return { measure: { ...ignored, name } };
}

/** An assessed model with the data that flags name. */
export interface Assessed {
  readonly assessment: Assessment;
  /** Data to judge by; undefined without `--data`. */
  readonly data: Dataset | undefined;
  readonly described: DescribedMemory;
}

/**
 * Reads and assesses a model. The Jacobian is measured on `--calibration`, or on `--data` without it.
 *
 * @param described what the flags say of the memory, where it has been read already: a device file may be a pipe
 */
export async function assessFromFlags(
  path: string,
  flags: AssessFlags,
  progress: Progress,
  described = flipsFromFlags(flags),
): Promise<Assessed> {
  const { report } = described;
  const file = readModel(path);
  const data = await dataFromFlags(flags, file.model);
  const calibration = (await calibrationFromFlags(flags, file.model)) ?? data;
  const assessment = await assess(file, {
    flips: flipLaw(report),
    storage: storageOf(flags),
    ...(calibration === undefined ? {} : { calibration }),
    ...outputOf(flags),
    jacobian: {
      seed: flags.seed,
      onProgress: (done, total) => progress.update("Jacobian", done, total),
      ...(flags.samples === undefined ? {} : { samples: flags.samples }),
      ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    },
  });
  return { assessment, data, described };
}

/**
 * Refuses weights without a graph where a graph is needed.
 *
 * @param needs what needs the graph, to begin a sentence with
 * @throws QtamlError `unsupported-model`
 */
export function requireGraph(path: string, needs: string): void {
  if (!isSafetensorsFile(path)) return;
  throw new QtamlError(
    "unsupported-model",
    `${needs} needs a network, but ${path} holds weights without a graph, and so without a Jacobian; give the network as ONNX, or plan with --policy magnitude, uniform-msp or random and --budget.`,
  );
}

/** Refuses flags that say how data are read where there are none. @throws QtamlError `invalid-argument` */
function refuseStrayFlags(flags: AssessFlags): void {
  const { feed, labels, labelColumn, preprocessing, outputName } = flags;
  const given = {
    "--feed": feed,
    "--labels": labels,
    "--label-column": labelColumn,
    "--preprocessing": preprocessing,
    "--output-name": outputName,
  };
  const stray = Object.entries(given).find(([, value]) => value !== undefined && value.length > 0);
  if (stray !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      `${stray[0]} only goes with inputs, and no --data is given; add --data or leave ${stray[0]} out.`,
    );
  }
}

/** What is known of a model: without inputs a survey, which keeps no weights; with them an assessment. */
export async function surveyFromFlags(
  path: string,
  flags: AssessFlags,
  progress: Progress,
): Promise<Omit<Assessed, "assessment"> & { readonly survey: Survey }> {
  if (flags.data !== undefined || flags.calibration !== undefined) {
    requireGraph(path, flags.data === undefined ? "--calibration" : "--data");
    const { assessment, ...rest } = await assessFromFlags(path, flags, progress);
    return { ...rest, survey: assessment };
  }
  refuseStrayFlags(flags);
  const described = flipsFromFlags(flags);
  const options = { flips: flipLaw(described.report), storage: storageOf(flags) };
  return { survey: survey(readModelOrWeights(path), options), data: undefined, described };
}

/**
 * A warning where the clean network answers no better than the commonest label would, within two standard errors: the
 * data are not prepared for it.
 */
export function guessWarnings(
  data: Dataset,
  result: { readonly measure: Pick<MeasureDescription, "name">; readonly clean: number },
): string[] {
  const { labels } = data;
  if (result.measure.name !== "top-1" || labels === undefined) return [];
  const counts = new Map<number, number>();
  for (const label of labels.data) counts.set(label, (counts.get(label) ?? 0) + 1);
  const share = Math.max(...counts.values()) / labels.data.length;
  const error = Math.sqrt((share * (1 - share)) / labels.data.length);
  if (counts.size < 2 || result.clean > share + 2 * error) return [];
  return [
    `The clean network is right in ${formatPercent(result.clean)} of answers, ${result.clean > share ? "hardly" : "no"} more than the commonest label (${formatPercent(share)}): check that labels, order of the classes and scaling of the inputs are those it was trained with (docs/data.md).`,
  ];
}

/** Opens a simulation, uses it and closes it. */
export async function withSimulation<T>(
  assessment: Assessment,
  data: Dataset,
  options: Omit<SimulationOptions, "threads"> & { readonly threads?: number | undefined },
  use: (simulation: ChipTrials) => Promise<T>,
): Promise<T> {
  const { threads, ...rest } = options;
  const simulation = await openSimulation(assessment, data, {
    ...rest,
    ...(threads === undefined ? {} : { threads }),
  });
  try {
    return await use(simulation);
  } finally {
    await simulation.close();
  }
}
