/** @file What mutation testing is told here: which mutants are drawn, and that the wording of errors is not mutated. */
import { CheckStatus, type Checker, type CheckResult } from "@stryker-mutator/api/check";
import type { Mutant } from "@stryker-mutator/api/core";
import { declareClassPlugin, declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
import { drawFrom, isDrawn } from "./draw.ts";

/** Lets drawn mutants pass. A checker is the one place where a single mutant can be held back. */
class DrawChecker implements Checker {
  readonly #draw = drawFrom(process.env);

  init(): Promise<void> {
    return Promise.resolve();
  }

  check(mutants: Mutant[]): Promise<Record<string, CheckResult>> {
    const result = (mutant: Mutant): CheckResult =>
      isDrawn(mutant, this.#draw)
        ? { status: CheckStatus.Passed }
        : { status: CheckStatus.CompileError, reason: "not drawn" };
    return Promise.resolve(Object.fromEntries(mutants.map((mutant) => [mutant.id, result(mutant)])));
  }

  group(mutants: Mutant[]): Promise<string[][]> {
    return Promise.resolve([mutants.map((mutant) => mutant.id)]);
  }
}

interface CodePath {
  readonly node: {
    readonly type: string;
    readonly callee?: { readonly type: string; readonly name?: string };
  };
}

/** Tests hold an error to its code or kind, and people its sentence. */
const errors = {
  shouldIgnore: ({ node }: CodePath) =>
    node.type === "NewExpression" && ["QtamlError", "RangeError"].includes(node.callee?.name ?? "")
      ? "the wording of an error"
      : undefined,
};

export const strykerPlugins = [
  declareClassPlugin(PluginKind.Checker, "draw", DrawChecker),
  declareValuePlugin(PluginKind.Ignore, "errors", errors),
];
