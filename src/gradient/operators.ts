/** @file All rules by operator, and the operators at which a gradient ends. */
import type { Rule, RuleGroup } from "./rule.ts";
import { activation } from "./rules/activation.ts";
import { arithmetic } from "./rules/arithmetic.ts";
import { convolution } from "./rules/convolution.ts";
import { linearAlgebra } from "./rules/linear-algebra.ts";
import { normalisation } from "./rules/normalisation.ts";
import { pooling } from "./rules/pooling.ts";
import { quantisation } from "./rules/quantisation.ts";
import { reductions } from "./rules/reduction.ts";
import { resampling } from "./rules/resampling.ts";
import { scatter } from "./rules/scatter.ts";
import { shape } from "./rules/shape.ts";

/** The rules by kind of operator. */
export const ruleGroups: readonly RuleGroup[] = [
  linearAlgebra,
  convolution,
  pooling,
  normalisation,
  activation,
  arithmetic,
  reductions,
  shape,
  scatter,
  resampling,
  quantisation,
];

/** The rules by operator of the default operator set. */
export const rules: ReadonlyMap<string, Rule> = new Map(
  ruleGroups.flatMap((group) => Object.entries(group.rules)),
);

/** Operators with a differentiation rule, sorted. */
export const gradientOperators: readonly string[] = [...rules.keys()].sort();

/** Operators whose output does not vary with a float input in a way that has a derivative: integers and booleans. */
export const gradientStops: readonly string[] = [
  "And",
  "ArgMax",
  "ArgMin",
  "Constant",
  "ConstantOfShape",
  "Equal",
  "EyeLike",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Hardmax",
  "Less",
  "LessOrEqual",
  "NonMaxSuppression",
  "NonZero",
  "Not",
  "Or",
  "OneHot",
  "RandomNormalLike",
  "RandomUniformLike",
  "Shape",
  "Size",
  "Xor",
];
