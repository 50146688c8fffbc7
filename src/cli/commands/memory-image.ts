/** @file The memory image that `qtaml harden --memory` writes. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codePlan } from "../../planning/index.ts";
import type { Assessment } from "../../assessment/index.ts";
import { planeCode } from "../../engine/index.ts";
import { QtamlError } from "../../errors.ts";
import {
  buildImage,
  checkHardware,
  imageFileNames,
  imageFiles,
  layoutFile,
  parseLayout,
  type Layout,
} from "../../image/index.ts";
import type { DecodeSegment } from "../../stored/index.ts";
import type { Plan } from "../../protect/index.ts";
import { formatCount, formatPercent } from "../../report/index.ts";
import { checkFolder } from "../folder.ts";
import { toJson } from "../files.ts";
import { fitTable } from "../output.ts";
import { version } from "../../version.ts";

/** Flags that describe a memory image. */
export interface MemoryFlags {
  readonly memory?: string | undefined;
  readonly code?: string | undefined;
  readonly interleave: number;
  readonly rowBits: number;
  readonly polarity: "true" | "inverted";
  readonly rtl: boolean;
}

/** Lower-case hexadecimal SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The files of the memory image that a folder holds, which may be replaced by another; none without one. */
export function imageFilesIn(folder: string): Set<string> {
  const path = join(folder, layoutFile);
  try {
    return imageFileNames(parseLayout(JSON.parse(readFileSync(path, "utf8")), path));
  } catch {
    return new Set();
  }
}

/** The plan with the code that flags name. @throws QtamlError `invalid-argument` where it has codes already */
export const planWithCode = (plan: Plan, { code }: Pick<MemoryFlags, "code">): Plan =>
  code === undefined || code === "none" ? plan : codePlan(plan, code);

/** Names of the codes of a plan. */
function codeNames(plan: Plan): string[] {
  const all = plan.tensors.flatMap((t) => t.segments.flatMap((s) => (s.codes ?? []).map((c) => c.code)));
  return [...new Set(all)];
}

/** Refuses flags before any work is done for them. @param plan with its codes @throws QtamlError */
export function checkMemoryFlags(flags: MemoryFlags, plan: Plan): void {
  if (flags.memory !== undefined) {
    for (const code of codeNames(plan).map(planeCode)) if (flags.rtl) checkHardware(code);
    checkFolder(flags.memory, imageFilesIn);
    return;
  }
  if (flags.code !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      "--code goes with a memory image: give --memory FOLDER as well, or leave --code out.",
    );
  }
}

/** The files of the image of a hardened model. @param plan with its codes @param decode segments of each tensor as the plan has them */
export function makeImage(
  assessment: Assessment,
  plan: Plan,
  decode: readonly (readonly DecodeSegment[])[],
  flags: MemoryFlags,
): { readonly layout: Layout; readonly files: Map<string, string | Uint8Array> } {
  const planText = toJson(plan);
  const tensors = assessment.prepared.tensors.map((tensor, t) => ({
    tensor,
    segments: decode[t]!.map((segment, s) => ({
      ...segment,
      protectedMask: plan.tensors[t]!.segments[s]!.protectedMask,
      codes: (plan.tensors[t]!.segments[s]!.codes ?? []).map(({ mask, code }) => ({
        mask,
        code: planeCode(code),
      })),
    })),
  }));
  const image = buildImage({
    tensors,
    model: plan.model,
    plan: { file: "plan.json", sha256: sha256(new TextEncoder().encode(planText)) },
    generator: `qtaml ${version}`,
    polarity: flags.polarity,
    interleave: flags.interleave,
    plainRowBits: flags.rowBits,
    sha256,
  });
  const codes = flags.rtl ? codeNames(plan).map(planeCode) : [];
  return { layout: image.layout, files: imageFiles(image, { plan: planText, codes }) };
}

/** A memory image in a few lines for a terminal. */
export function memoryAccount(layout: Layout, folder: string): string {
  const { totals, regions } = layout;
  const rows = regions.map((r) => [
    r.name,
    r.code?.name ?? "none",
    `0x${r.address.toString(16)}`,
    `${formatCount(r.rows)} x ${formatCount(r.rowBits)}`,
    formatCount(r.dataBits),
    formatCount(r.checkBits),
  ]);
  const overhead = totals.checkBits / totals.storedBits;
  return [
    fitTable(rows, ["region", "code", "address", "rows x bits", "weight bits", "parity bits"]),
    totals.protectedBits === 0
      ? "The plan protects no bits: there is no protected region, and no parity is stored."
      : layout.protection === "ideal"
        ? "Ideal protection: no parity is stored, and the cells of the protected region must not fail."
        : `Parity: ${formatCount(totals.checkBits)} bits, ${formatPercent(overhead)} of the weight bits.`,
    `Memory image written to ${folder}; read it back with qtaml image check ${folder}.`,
  ].join("\n");
}
