import { describe, expect, it } from "vitest";
import { compareOperator, type OperatorCase } from "../../test/support/gradient-check.ts";
import { compoundCases } from "../../test/support/gradient-cases/compound.ts";
import { pointwiseCases } from "../../test/support/gradient-cases/pointwise.ts";
import { structureCases } from "../../test/support/gradient-cases/structure.ts";
import { loweredOperators } from "./lower/lower.ts";
import { gradientOperators } from "./operators.ts";

/** Steps and branches, which differences say nothing about: `quantisation.test.ts` and `lower.test.ts`. */
const testedApart = [
  "DynamicQuantizeLinear",
  "com.microsoft.QuantizeLinear",
  "com.microsoft.DequantizeLinear",
  "If",
];

const cases = [...structureCases, ...pointwiseCases, ...compoundCases];

describe("every operator's gradient agrees with differences of its forward values", () => {
  it.each(
    cases.map(
      (c) => [`${c.operator}${c.label === undefined ? "" : `: ${c.label}`} (opset ${c.opset})`, c] as const,
    ),
  )("%s", async (_, test) => {
    const found = await compareOperator(test);
    expect(found).toHaveLength(Object.keys(test.inputs).length);
    for (const { norm, relative } of found) {
      // A gradient of nearly zero would say nothing.
      expect(norm).toBeGreaterThan(1e-2);
      expect(relative).toBeLessThan(1e-3);
    }
  });

  it("leaves no operator untested", () => {
    const tested = new Set([...cases.map((c) => c.operator), ...testedApart]);
    expect([...gradientOperators, ...loweredOperators].filter((o) => !tested.has(o))).toEqual([]);
  });
});

const named = (list: readonly OperatorCase[]) =>
  list.map((c) => [`${c.operator}${c.label === undefined ? "" : `: ${c.label}`}`, c] as const);

/** Operators whose cases are all of forms that operator set 7 had. */
const sinceSeven = new Set(
  "Add,BatchNormalization,Concat,Conv,Cos,Div,Elu,Exp,Flatten,GRU,Gather,GlobalAveragePool,GlobalMaxPool,HardSigmoid,Identity,InstanceNormalization,LRN,LSTM,LeakyRelu,LogSoftmax,LpNormalization,MatMul,Mul,Neg,PRelu,RNN,Relu,Reshape,Selu,Sigmoid,Sin,Softmax,Softplus,Softsign,Sqrt,Sub,Tanh,Transpose".split(
    ",",
  ),
);

describe("operators keep their gradients from one operator set to another", () => {
  // What changed its form since: the one case that the newest sets no longer take.
  const newest = cases.filter((c) => c.opset >= 13 && c.label !== "opset 18");
  it.each(named(newest))("newest: %s", async (_, test) => {
    for (const { relative } of await compareOperator({ ...test, opset: 24 }))
      expect(relative).toBeLessThan(1e-3);
  });

  // Inputs that became optional, and reach back further than the form of the case.
  const oldest = cases.filter(
    (c) => sinceSeven.has(c.operator) && c.opset > 7 && (c.constants ?? []).length === 0,
  );
  it.each(named(oldest))("oldest: %s", async (_, test) => {
    for (const { relative } of await compareOperator({ ...test, opset: 7 }))
      expect(relative).toBeLessThan(1e-3);
  });
});

describe("the comparison itself", () => {
  it("notices a gradient that is slightly wrong", async () => {
    // Off by 0.2 %.
    const leaky = cases.find((c) => c.operator === "LeakyRelu" && c.label === "alpha")!;
    const wrong = await compareOperator(leaky, 1, (gradient) => gradient.map((g) => g * 1.002));
    expect(wrong[0]!.relative).toBeGreaterThan(1e-3);
    expect((await compareOperator(leaky, 1))[0]!.relative).toBeLessThan(1e-4);
  });
});
