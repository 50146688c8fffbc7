/** @file Text in JSON or YAML, as files from outside hold it. */
import { parse as parseYaml } from "yaml";
import { QtamlError } from "../errors.ts";

/** Brackets inside brackets that a structured file may have; ours have a handful. */
const deepestNesting = 200;

/** Parsers take seconds over text that is nested thousands deep, and then fail. */
function checkNesting(text: string, name: string): void {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = Math.max(0, depth + (bracket === "[" || bracket === "{" ? 1 : -1));
    if (depth > deepestNesting) {
      throw new QtamlError(
        "invalid-file",
        `${name} nests brackets more than ${deepestNesting} deep; mend it or make it again.`,
      );
    }
  }
}

/**
 * The value of a JSON or YAML text, whose shape the caller checks.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-file` that names the first place that is wrong
 */
export function parseStructured(text: string, name: string, language: "json" | "yaml"): unknown {
  checkNesting(text, name);
  try {
    return language === "json" ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 100 });
  } catch (cause) {
    const line = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new QtamlError("invalid-file", `${name} is not valid JSON or YAML (${line}); mend it.`, { cause });
  }
}
