/** @file From flags to the faults of a memory: which models, how often they are drawn, over how many intervals. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { QtamlError } from "../errors.ts";
import { faultWord, parseFaults, type FaultDescription } from "../faults/index.ts";
import { readStructured } from "./files.ts";

/** Values of `faultOptions`. */
export interface FaultFlags {
  readonly faults?: readonly string[] | undefined;
  readonly regime?: FaultDescription["regime"] | undefined;
  readonly reads?: number | undefined;
  readonly intervals?: number | undefined;
}

const isFile = (word: string) => /\.(ya?ml|json)$/i.test(word) || existsSync(word);

/** The same flags from any folder: paths of files are made absolute. */
export const absoluteFaults = (words: readonly string[] | undefined): readonly string[] | undefined =>
  words?.map((word) => (isFile(word) ? resolve(word) : word));

/**
 * The faults that flags describe; undefined where no flag does.
 *
 * @throws QtamlError for a model or a parameter that does not exist, and a file beside other words
 */
export function faultsFromFlags({
  faults: words = [],
  regime,
  reads,
  intervals,
}: FaultFlags): FaultDescription | undefined {
  const settings = { regime, reads, intervals };
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  if (reads !== undefined && regime !== "redrawn") {
    throw new QtamlError(
      "invalid-argument",
      "--reads counts the reads of a chip whose flips are drawn anew for each; add --regime redrawn or leave --reads out.",
    );
  }
  if (words.length === 0 && Object.keys(given).length === 0) return undefined;
  const file = words.find(isFile);
  if (file !== undefined) {
    if (words.length > 1) {
      throw new QtamlError(
        "invalid-argument",
        `${file} describes all faults of the memory; put the other models of --faults into it.`,
      );
    }
    const content = readStructured(file, "Fault file");
    const isObject = typeof content === "object" && content !== null && !Array.isArray(content);
    return parseFaults(isObject ? { ...content, ...given } : content, `Fault file ${file}`);
  }
  const parts = words.map(faultWord);
  const layouts = parts.filter(({ name }) => name === "layout").map(({ parameters }) => parameters);
  const twice = layouts.flatMap(Object.keys).find((key, i, keys) => keys.indexOf(key) < i);
  if (twice !== undefined) {
    throw new QtamlError("invalid-argument", `--faults gives "${twice}" of the layout twice; leave one out.`);
  }
  const layout = Object.assign({}, ...layouts) as Record<string, unknown>;
  const models = parts
    .filter(({ name }) => name !== "layout")
    .map(({ name, parameters }) => ({ model: name, ...parameters }));
  return parseFaults({ models, layout, ...given }, "--faults");
}

/** Whether faults make cells wrong more or less often than the flip probability of one interval says. */
export const changesRate = ({ models, intervals }: FaultDescription): boolean =>
  intervals > 1 || models.some(({ model }) => model !== "independent" && model !== "burst");
