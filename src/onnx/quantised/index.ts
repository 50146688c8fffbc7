/**
 * @file Quantised models in one form: whatever operators a quantisation tool wrote, afterwards weights are constant
 * codes behind `DequantizeLinear`, in front of float operators.
 */
import { dropUnusedNodes } from "../fold.ts";
import type { OnnxModel } from "../model.ts";
import { opsetVersion } from "../model.ts";
import { blockRules } from "./blocks.ts";
import { constantRules, orderRules } from "./constants.ts";
import { integerRules, scaledRules } from "./integer.ts";
import { linearRules } from "./linear.ts";
import { rewriteNodes, type RewriteRule } from "./rewrite.ts";

export { stepLayoutOf } from "./layout.ts";

/** Rules in the order in which they are applied; each stage sees what the one before has left. */
const stages: readonly ReadonlyMap<string, RewriteRule>[] = [
  new Map(constantRules),
  new Map(scaledRules),
  new Map([...linearRules, ...integerRules, ...blockRules]),
  new Map(orderRules),
];

/**
 * Takes quantised operators apart. What has no rule, or is not constant where it has to be, stays as it is. Edits the
 * model, which has been through `hoistConstants`.
 *
 * @param isSelected whether the memory holds the tensor of a name
 * @returns how many nodes were rewritten
 */
export function takeApart(model: OnnxModel, isSelected: (name: string) => boolean): number {
  const opset = opsetVersion(model);
  let count = 0;
  for (const rules of stages) {
    const rewritten = rewriteNodes(model, opset, rules, isSelected);
    if (rewritten > 0) dropUnusedNodes(model);
    count += rewritten;
  }
  return count;
}
