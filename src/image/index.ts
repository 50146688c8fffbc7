/**
 * @file The room of the memory image: where each bit of a hardened model lies, in which codewords, and the files that
 * hardware and firmware read. No I/O: it makes and reads bytes and text.
 */
export {
  buildImage,
  codeBytes,
  type ImageRequest,
  type ImageSegment,
  type ImageTensor,
  type MemoryImage,
} from "./build.ts";
export { copyNames, isCopyAsWritten } from "./copies.ts";
export { codeNamed } from "../ecc/index.ts";
export type { WordCode, WordReading } from "../ecc/index.ts";
export { imageFileNames, imageFiles, type ImageFilesOptions } from "./files.ts";
export { firmwareHeader } from "./firmware.ts";
export { intelHex, readmemh } from "./hex.ts";
export {
  formatLayout,
  layoutFile,
  layoutJsonSchema,
  layoutSchemaFile,
  parseLayout,
  type Layout,
  type LayoutRegion,
  type LayoutTensor,
} from "./layout.ts";
export { readImage, type ImageReading, type RegionReading, type TensorReading } from "./read.ts";
export { checkHardware, hardwareFiles } from "./verilog/index.ts";
