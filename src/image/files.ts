/**
 * @file All files of a memory image by their paths within its folder.
 */
import type { WordCode } from "../ecc/index.ts";
import type { MemoryImage } from "./build.ts";
import { invert } from "./build.ts";
import { bitAt } from "./bits.ts";
import { firmwareHeader } from "./firmware.ts";
import { intelHex, readmemh } from "./hex.ts";
import {
  formatLayout,
  intelHexFile,
  layoutFile,
  layoutJsonSchema,
  layoutSchemaFile,
  type Layout,
} from "./layout.ts";
import { hardwareFileNames, hardwareFiles, moduleStem, sampleWords } from "./verilog/index.ts";

/** What goes into the folder besides the memory. */
export interface ImageFilesOptions {
  /** The plan, as text of the file that the layout names. */
  readonly plan: string;
  /** Codes of the regions, to make hardware for; none without. */
  readonly codes: readonly WordCode[];
}

/** Name of the C header. */
const headerFile = "qtaml_memory.h";

/** Folder of a code's hardware within the folder of an image. */
const hardwareFolder = (code: Pick<WordCode, "name">) => `rtl/${moduleStem(code)}`;

/**
 * Paths of all files that an image may have within its folder, hardware of its codes among them.
 *
 * @param layout of the image
 */
export function imageFileNames({ plan, regions }: Layout): Set<string> {
  const hardware = regions.flatMap(({ code }) =>
    code === null
      ? []
      : Object.values(hardwareFileNames(moduleStem(code))).map((name) => `${hardwareFolder(code)}/${name}`),
  );
  const memories = regions.flatMap(({ files }) => [files.binary, files.readmemh]);
  return new Set([
    layoutFile,
    layoutSchemaFile,
    plan.file,
    intelHexFile,
    headerFile,
    ...memories,
    ...hardware,
  ]);
}

/** Words of each region that the test bench encodes and damages. */
const sampledWords = 64;

/**
 * The files: the layout and its schema, each region as raw binary and for `$readmemh`, all regions as Intel HEX, the
 * C header, and encoder, decoder and test bench of each code.
 *
 * @throws QtamlError `invalid-argument` for a code without hardware
 */
export function imageFiles(image: MemoryImage, options: ImageFilesOptions): Map<string, string | Uint8Array> {
  const { layout, regions } = image;
  const files = new Map<string, string | Uint8Array>([
    [layoutFile, formatLayout(layout)],
    [layoutSchemaFile, `${JSON.stringify(layoutJsonSchema(), null, 2)}\n`],
    [layout.plan.file, options.plan],
    [intelHexFile, intelHex(layout.regions.map(({ address }, r) => ({ address, bytes: regions[r]! })))],
    [headerFile, firmwareHeader(layout)],
  ]);
  layout.regions.forEach((region, r) => {
    const bytes = regions[r]!;
    const content = `${region.rows} rows of ${region.rowBits} bits, ${region.code?.name ?? "no code"}`;
    files.set(region.files.binary, bytes);
    files.set(region.files.readmemh, readmemh(bytes, region.rowBits, `${region.name}: ${content}`));
    const code = options.codes.find((c) => c.name === region.code?.name);
    if (code === undefined) return;
    const tested = {
      rows: region.rows,
      rowBits: region.rowBits,
      interleave: region.interleave,
      isInverted: layout.polarity === "inverted",
      file: `../../${region.files.readmemh}`,
    };
    const words = sampleWords(code, storedWords(image, r, code, sampledWords));
    for (const { name, text } of hardwareFiles(code, words, tested))
      files.set(`${hardwareFolder(code)}/${name}`, text);
  });
  return files;
}

/** Data of the first codewords of a region. */
function storedWords(
  { layout, regions }: MemoryImage,
  r: number,
  code: WordCode,
  most: number,
): Uint8Array[] {
  const { interleave, rowBits, rowBytes, rows } = layout.regions[r]!;
  const taken = Math.min(rows, Math.ceil(most / interleave));
  const bytes = regions[r]!.slice(0, taken * rowBytes);
  if (layout.polarity === "inverted") invert(bytes, rowBits);
  return Array.from({ length: Math.min(most, taken * interleave) }, (_, w) => {
    const start = Math.floor(w / interleave) * rowBytes * 8 + (w % interleave);
    return Uint8Array.from(code.dataPositions, (j) => bitAt(bytes, start + j * interleave));
  });
}
