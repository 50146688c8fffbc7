/** @file What mutation testing is told here: which mutants are drawn, and that words for people are not mutated. */
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

interface CodeNode {
  readonly type: string;
  readonly name?: string;
  readonly callee?: CodeNode;
  readonly property?: CodeNode;
}

interface CodePath {
  readonly node: CodeNode;
  readonly parent?: CodeNode;
}

/** Tests hold an error to its code or kind, and people its sentence. */
const isError = ({ node }: CodePath) =>
  node.type === "NewExpression" && ["QtamlError", "RangeError"].includes(node.callee?.name ?? "");

/** The published schema holds what its properties are said to be (`npm run regenerate -- --check`). */
const isDescription = ({ node, parent }: CodePath) =>
  node.type === "StringLiteral" && parent?.callee?.property?.name === "describe";

const wording = {
  shouldIgnore: (path: CodePath) => (isError(path) || isDescription(path) ? "wording" : undefined),
};

export const strykerPlugins = [
  declareClassPlugin(PluginKind.Checker, "draw", DrawChecker),
  declareValuePlugin(PluginKind.Ignore, "wording", wording),
];
