/**
 * @file The memory once more, in the files that programmers and simulators read: whether they hold what was written.
 */
import { parseIntelHex, parseReadmemh } from "./hex.ts";
import { intelHexFile, type Layout, type LayoutRegion } from "./layout.ts";
import type { ReadOptions } from "./read.ts";

/** Names of the files of an image that hold its regions besides the binary ones. @param layout of the image */
export function copyNames({ regions }: Layout): string[] {
  return [...regions.map((region) => region.files.readmemh), intelHexFile];
}

/**
 * Whether such a file holds the bytes that were written, by the regions' hashes alone: a binary file may be damaged
 * itself.
 *
 * @param layout of the image
 * @param name one of `copyNames`
 * @param text of the file
 * @param options the digest to compare with
 */
export function isCopyAsWritten(
  { regions }: Layout,
  name: string,
  text: string,
  { sha256 }: Pick<ReadOptions, "sha256">,
): boolean {
  const region = regions.find(({ files }) => files.readmemh === name);
  if (region === undefined) return isHexAsWritten(regions, text, sha256);
  const bytes = parseReadmemh(text, region.rowBits);
  return bytes !== undefined && sha256(bytes) === region.sha256;
}

function isHexAsWritten(
  regions: readonly LayoutRegion[],
  text: string,
  sha256: ReadOptions["sha256"],
): boolean {
  const blocks = parseIntelHex(text);
  if (blocks === undefined) return false;
  const size = ({ rows, rowBytes }: LayoutRegion) => rows * rowBytes;
  const total = regions.reduce((sum, region) => sum + size(region), 0);
  if (blocks.reduce((sum, { bytes }) => sum + bytes.length, 0) !== total) return false;
  return regions.every((region) => {
    const content = new Uint8Array(size(region));
    for (const { address, bytes } of blocks) {
      const at = address - region.address;
      if (at >= 0 && at + bytes.length <= content.length) content.set(bytes, at);
    }
    return sha256(content) === region.sha256;
  });
}
