/** @file `qtaml image check`: read a memory image back, as hardware would. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assess, planFlipLaw } from "../../assessment/index.ts";
import { planDecode, storeByPlan } from "../../simulation/index.ts";
import { formatNpz } from "../../data/index.ts";
import { QtamlError } from "../../errors.ts";
import {
  layoutFile,
  parseLayout,
  readImage,
  codeNamed,
  copyNames,
  isCopyAsWritten,
  type ImageReading,
  type Layout,
  type WordCode,
} from "../../image/index.ts";
import { decodeInto } from "../../stored/index.ts";
import { parsePlan } from "../../protect/index.ts";
import { formatCount, plainText } from "../../report/index.ts";
import { checkOutput, readBytes, readModel, readStructured, writeWhole } from "../files.ts";
import { fitTable, plural, say, sayJson, type Manner } from "../output.ts";
import { imageFilesIn, sha256 } from "./memory-image.ts";

/** Flags of `qtaml image check`. */
export interface ImageCheckFlags extends Manner {
  readonly model?: string | undefined;
  readonly output?: string | undefined;
}

/** The code that a layout names. @throws QtamlError `invalid-schema` where there is none of that name */
function codeOfLayout(name: string, path: string): WordCode {
  try {
    return codeNamed(name);
  } catch (cause) {
    throw new QtamlError(
      "invalid-schema",
      `${path} names a code that does not exist, "${name}", so it is damaged or of another version; write the image again with qtaml harden.`,
      { cause },
    );
  }
}

/** Reads the image in a folder. @throws QtamlError for a file that is missing, damaged or of another size */
function readImageFolder(folder: string): { readonly layout: Layout; readonly reading: ImageReading } {
  const path = join(folder, layoutFile);
  if (existsSync(folder) && !existsSync(path)) {
    throw new QtamlError(
      "file-access",
      `${folder} holds no ${layoutFile}, so it is no memory image; write one with qtaml harden --memory.`,
    );
  }
  const layout = parseLayout(readStructured(path, "Layout"), path);
  const contents = layout.regions.map((r) => readBytes(join(folder, r.files.binary), "Region"));
  const reading = readImage(layout, contents, {
    codeOf: (described) => codeOfLayout(described.name, path),
    sha256,
  });
  return { layout, reading };
}

/** Tensors whose weights are not those of the model, bit for bit. */
async function unlikeModel(
  folder: string,
  layout: Layout,
  reading: ImageReading,
  model: string,
): Promise<string[]> {
  const planPath = join(folder, layout.plan.file);
  if (sha256(readBytes(planPath, "Plan")) !== layout.plan.sha256) {
    throw new QtamlError(
      "plan-mismatch",
      `${planPath} is not the plan that the image was made for; write the image again with qtaml harden.`,
    );
  }
  const plan = parsePlan(readStructured(planPath, "Plan"), planPath);
  const assessment = storeByPlan(
    await assess(readModel(model), { flips: planFlipLaw(plan), storage: plan.storage }),
    plan,
  );
  const decode = planDecode(assessment, plan);
  return assessment.prepared.tensors.flatMap((tensor, t) => {
    const found = reading.tensors[t];
    const expected = new Float32Array(tensor.count);
    decodeInto(tensor, decode[t]!, tensor.codes, expected);
    const isSame =
      found?.name === tensor.name &&
      found.weights.length === expected.length &&
      found.weights.every((w, i) => Object.is(w, expected[i]));
    return isSame ? [] : [tensor.name];
  });
}

/** The files that hold the memory for programmers and simulators: those that differ from what was written, or lack. */
function checkCopies(
  folder: string,
  layout: Layout,
): { readonly differing: string[]; readonly missing: string[] } {
  const missing = copyNames(layout).filter((name) => !existsSync(join(folder, name)));
  const differing = copyNames(layout).filter((name) => {
    if (missing.includes(name)) return false;
    const text = new TextDecoder().decode(readBytes(join(folder, name), "Region"));
    return !isCopyAsWritten(layout, name, text, { sha256 });
  });
  return { differing, missing };
}

/** What is said of those files. */
function copyWords(layout: Layout, { differing, missing }: ReturnType<typeof checkCopies>): string[] {
  const names = (list: readonly string[]) => new Intl.ListFormat("en-GB").format(list);
  if (differing.length + missing.length === 0) return [`${names(copyNames(layout))} hold what was written.`];
  const again = "write the image again with qtaml harden";
  return [
    ...(differing.length === 0
      ? []
      : [
          `${names(differing)} ${differing.length === 1 ? "does" : "do"} not hold what was written; ${again}.`,
        ]),
    ...(missing.length === 0
      ? []
      : [`${names(missing)} ${missing.length === 1 ? "is" : "are"} missing; ${again}.`]),
  ];
}

const namesOf = (tensors: readonly string[]) => tensors.map((name) => plainText(name)).join(", ");

/** Runs the command. @returns whether weights and files are those that were written, and the weights those of the model */
export async function runImageCheck(folder: string, flags: ImageCheckFlags): Promise<boolean> {
  if (flags.output !== undefined) {
    const own = [...imageFilesIn(folder)].map((name) => join(folder, name));
    checkOutput(flags.output, flags.model === undefined ? own : [flags.model, ...own]);
  }
  const { layout, reading } = readImageFolder(folder);
  const damaged = reading.tensors.filter((t) => !t.isAsWritten).map((t) => t.name);
  const unlike = flags.model === undefined ? null : await unlikeModel(folder, layout, reading, flags.model);
  if (flags.output !== undefined) {
    const arrays = reading.tensors.map((t) => [t.name, { dims: t.dims, data: t.weights }] as const);
    writeWhole(flags.output, formatNpz(Object.fromEntries(arrays)));
  }
  const copies = checkCopies(folder, layout);
  const { differing, missing } = copies;
  const isWhole = [damaged, unlike ?? [], differing, missing].every((list) => list.length === 0);
  if (flags.json === true) {
    sayJson({
      isWhole,
      regions: reading.regions,
      damagedTensors: damaged,
      tensorsUnlikeModel: unlike,
      differingFiles: differing,
      missingFiles: missing,
    });
    return isWhole;
  }
  const rows = reading.regions.map((region, r) => [
    region.name,
    layout.regions[r]!.code?.name ?? "none",
    formatCount(region.words),
    formatCount(region.corrected),
    formatCount(region.uncorrectable),
    region.isAsWritten ? "yes" : "no",
  ]);
  say(fitTable(rows, ["region", "code", "words", "corrected", "uncorrectable", "as written"]));
  const total = formatCount(reading.tensors.length);
  say(
    damaged.length === 0
      ? `All ${total} tensors are rebuilt bit for bit.`
      : `${damaged.length} of ${total} tensors differ from what was written: ${namesOf(damaged)}.`,
  );
  const lost = reading.regions.reduce((sum, region) => sum + region.uncorrectable, 0);
  if (damaged.length === 0 && lost > 0) {
    say(`${plural(lost, "word")} could not be corrected, with errors in bits that hold no weight.`);
  }
  for (const line of copyWords(layout, copies)) say(line);
  if (unlike !== null) {
    say(
      unlike.length === 0
        ? `Their weights are those of ${flags.model} hardened by the plan, bit for bit.`
        : `The weights of ${namesOf(unlike)} are not those of ${flags.model} hardened by the plan.`,
    );
  }
  if (flags.output !== undefined) say(`Weights written to ${flags.output}.`);
  return isWhole;
}
