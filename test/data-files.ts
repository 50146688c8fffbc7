/** @file Files of data in a folder of their own, and what reading them gives. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { readDataset, type DataRequest, type Dataset } from "../src/data/index.ts";
import { QtamlError } from "../src/errors.ts";

/** A temporary folder for files of data. */
export function dataFiles() {
  const folder = mkdtempSync(join(tmpdir(), "qtaml-data-"));
  return {
    folder,
    /** Writes a file below the folder and gives its path. */
    file: (name: string, content: string | Uint8Array): string => {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      return path;
    },
    read: async (request: DataRequest): Promise<Dataset> => (await readDataset(request)).dataset,
    /** The error of a request, which must be one for the user. */
    refusal: async (request: DataRequest): Promise<QtamlError> => {
      const error: unknown = await readDataset(request).catch((e: unknown) => e);
      if (!(error instanceof QtamlError)) throw new Error(`not refused: ${JSON.stringify(error)}`);
      expect(error.message).toMatch(/^[^\n]+[.]$/);
      return error;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
