import { createHash } from "node:crypto";

/** What tells one mutant of a source file from the others. */
export interface MutantPlace {
  /** In any folder: what counts is the path from `src` on. */
  readonly fileName: string;
  readonly mutatorName: string;
  readonly replacement?: string | undefined;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

/** A random part of the mutants. */
export interface Draw {
  /** Between 0 and 1: the probability by which each mutant is drawn, independently of the others. */
  readonly share: number;
  readonly seed: string;
}

/** Whether a mutant is in the part: always the same answer for the same mutant of the same source. */
export function isDrawn(
  { fileName, mutatorName, replacement, location }: MutantPlace,
  { share, seed }: Draw,
): boolean {
  const path = fileName.replaceAll("\\", "/").replace(/^.*?(?=src\/)/, "");
  const { line, column } = location.start;
  const key = [seed, path, line, column, mutatorName, replacement].join("\n");
  return createHash("sha256").update(key).digest().readUIntBE(0, 6) < share * 2 ** 48;
}

/** The draw travels to the processes that try mutants in their environment. */
export function drawFrom(environment: NodeJS.ProcessEnv): Draw {
  return {
    share: Number(environment["QTAML_MUTATION_SHARE"]),
    seed: environment["QTAML_MUTATION_SEED"] ?? "",
  };
}
