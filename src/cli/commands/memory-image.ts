/** @file The memory image that `qtaml harden --memory` writes. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Assessment } from "../../campaign/index.ts";
import { QtamlError } from "../../errors.ts";
import {
  buildImage,
  checkHardware,
  imageFiles,
  layoutFile,
  codeNamed,
  type Layout,
  type WordCode,
} from "../../image/index.ts";
import type { DecodeSegment } from "../../onnx/index.ts";
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

/** Whether a folder holds a memory image, which may be replaced by another. */
export function isImageFolder(path: string): boolean {
  try {
    const layout: unknown = JSON.parse(readFileSync(join(path, layoutFile), "utf8"));
    return (
      typeof layout === "object" && layout !== null && "format" in layout && layout.format === "qtaml-memory"
    );
  } catch {
    return false;
  }
}

/** The code that flags name; null for none. @throws QtamlError `invalid-argument` for an unknown one */
function codeOf({ code, rtl }: MemoryFlags): WordCode | null {
  if (code === undefined || code === "none") return null;
  const named = codeNamed(code);
  if (rtl) checkHardware(named);
  return named;
}

/** Refuses flags before any work is done for them. @throws QtamlError */
export function checkMemoryFlags(flags: MemoryFlags): void {
  if (flags.memory !== undefined) {
    codeOf(flags);
    checkFolder(flags.memory, isImageFolder);
    return;
  }
  if (flags.code !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      "--code goes with a memory image: give --memory FOLDER as well, or leave --code out.",
    );
  }
}

/** The files of the image of a hardened model. @param decode segments of each tensor as the plan has them */
export function makeImage(
  assessment: Assessment,
  plan: Plan,
  decode: readonly (readonly DecodeSegment[])[],
  flags: MemoryFlags,
): { readonly layout: Layout; readonly files: Map<string, string | Uint8Array> } {
  const code = codeOf(flags);
  const planText = toJson(plan);
  const tensors = assessment.prepared.tensors.map((tensor, t) => ({
    tensor,
    segments: decode[t]!.map((segment, s) => ({
      ...segment,
      protectedMask: plan.tensors[t]!.segments[s]!.protectedMask,
      code,
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
  const codes = code === null || !flags.rtl ? [] : [code];
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
    layout.protection === "ideal"
      ? "Ideal protection: no parity is stored, and the cells of the protected region must not fail."
      : `Parity: ${formatCount(totals.checkBits)} bits, ${formatPercent(overhead)} of the weight bits.`,
    `Memory image written to ${folder}; read it back with qtaml image check ${folder}.`,
  ].join("\n");
}
