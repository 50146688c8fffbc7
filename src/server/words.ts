/** @file Errors as the page shows them. */
import { QtamlError } from "../errors.ts";

/** The sentence of an error; a defect is called one. */
export function errorWords(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof QtamlError) return { code: error.code, message: error.message };
  const account = error instanceof Error ? error.message : String(error);
  return { code: "defect", message: `This is a defect of qtaml, please report it: ${account}` };
}
