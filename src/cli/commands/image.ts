/** @file `qtaml image check`: read a memory image back, as hardware would. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assess } from "../../assessment/index.ts";
import { storeByPlan } from "../../simulation/index.ts";
import { formatNpz } from "../../data/index.ts";
import { QtamlError } from "../../errors.ts";
import {
  layoutFile,
  parseLayout,
  readImage,
  codeNamed,
  type ImageReading,
  type Layout,
} from "../../image/index.ts";
import { decodeInto } from "../../stored/index.ts";
import { parsePlan } from "../../protect/index.ts";
import { formatCount } from "../../report/index.ts";
import { checkOutput, readBytes, readModel, readStructured, writeWhole } from "../files.ts";
import { planFlipLaw } from "../memory.ts";
import { fitTable, say, sayJson, type Manner } from "../output.ts";
import { sha256 } from "./memory-image.ts";
import { planDecode } from "./harden.ts";

/** Flags of `qtaml image check`. */
export interface ImageCheckFlags extends Manner {
  readonly model?: string | undefined;
  readonly output?: string | undefined;
}

/** Reads the image in a folder. @throws QtamlError for a file that is missing, damaged or of another size */
export function readImageFolder(folder: string): { readonly layout: Layout; readonly reading: ImageReading } {
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
    codeOf: (described) => codeNamed(described.name),
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

/** Runs the command. @returns whether the weights are those that were written, and those of the model */
export async function runImageCheck(folder: string, flags: ImageCheckFlags): Promise<boolean> {
  if (flags.output !== undefined) checkOutput(flags.output);
  const { layout, reading } = readImageFolder(folder);
  const damaged = reading.tensors.filter((t) => !t.isAsWritten).map((t) => t.name);
  const unlike = flags.model === undefined ? null : await unlikeModel(folder, layout, reading, flags.model);
  if (flags.output !== undefined) {
    const arrays = reading.tensors.map((t) => [t.name, { dims: t.dims, data: t.weights }] as const);
    writeWhole(flags.output, formatNpz(Object.fromEntries(arrays)));
  }
  const isWhole = damaged.length === 0 && (unlike ?? []).length === 0;
  if (flags.json === true) {
    sayJson({ isWhole, regions: reading.regions, damagedTensors: damaged, tensorsUnlikeModel: unlike });
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
      : `${damaged.length} of ${total} tensors differ from what was written: ${damaged.join(", ")}.`,
  );
  if (unlike !== null) {
    say(
      unlike.length === 0
        ? `Their weights are those of ${flags.model} hardened by the plan, bit for bit.`
        : `The weights of ${unlike.join(", ")} are not those of ${flags.model} hardened by the plan.`,
    );
  }
  if (flags.output !== undefined) say(`Weights written to ${flags.output}.`);
  return isWhole;
}
