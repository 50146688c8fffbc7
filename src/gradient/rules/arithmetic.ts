/** @file Rules of elementwise arithmetic, with numpy-style broadcasting. */
import { elementCount } from "../../onnx/index.ts";
import type { Rule, RuleContext, RuleGroup } from "../rule.ts";

/** `dy` times a derivative of the input's own shape. */
function unary(derivative: (c: RuleContext) => string): Rule {
  return (c) => [c.b.mul(c.dy, derivative(c))];
}

/** Sums each wanted input's cotangent down to the input's shape. */
function broadcasting(products: (c: RuleContext) => readonly (() => string)[]): Rule {
  return (c) => {
    const to = c.outputDims();
    return products(c).map((product, i) =>
      c.wants(i) ? c.b.unbroadcast(product(), to, c.dims(i)) : undefined,
    );
  };
}

const each = (c: RuleContext, product: (i: number) => string): (() => string)[] =>
  c.node.input.map((_, i) => () => product(i));

/** Where several inputs attain the extremum, each gets an equal share. */
const extremum: Rule = (c) => {
  const y = c.output();
  const hits = c.node.input.map((_, i) => c.b.indicator(c.b.op("Equal", [c.input(i), y])));
  const share = hits.length === 1 ? c.dy : c.b.div(c.dy, c.b.op("Sum", hits));
  return c.node.input.map((_, i) =>
    c.wants(i) ? c.b.unbroadcast(c.b.mul(share, hits[i]!), c.outputDims(), c.dims(i)) : undefined,
  );
};

function powBase(c: RuleContext): string {
  const exponent = c.numbers(1);
  const x = c.input();
  if (exponent?.length === 1 && elementCount(c.dims(0)) === elementCount(c.outputDims())) {
    const e = exponent[0]!;
    if (e === 1) return c.dy;
    const power = e === 2 ? x : c.b.op("Pow", [x, c.b.scalar(e - 1)]);
    return c.b.mul(c.dy, c.b.scale(power, e));
  }
  const e = c.b.op("Cast", [c.input(1)], { to: 1 });
  return c.b.mul(c.dy, c.b.mul(e, c.b.op("Pow", [x, c.b.shift(e, -1)])));
}

const square = (c: RuleContext, x: string): string => c.b.mul(x, x);
const reciprocalRoot = (c: RuleContext, x: string): string => c.b.op("Reciprocal", [c.b.op("Sqrt", [x])]);

export const arithmetic: RuleGroup = {
  kind: "arithmetic",
  rules: {
    Add: broadcasting((c) => each(c, () => c.dy)),
    Sum: broadcasting((c) => each(c, () => c.dy)),
    Mean: broadcasting((c) => each(c, () => c.b.scale(c.dy, 1 / c.node.input.length))),
    Sub: broadcasting((c) => [() => c.dy, () => c.b.neg(c.dy)]),
    Mul: broadcasting((c) => [() => c.b.mul(c.dy, c.input(1)), () => c.b.mul(c.dy, c.input(0))]),
    Div: broadcasting((c) => [
      () => c.b.div(c.dy, c.input(1)),
      () => c.b.neg(c.b.div(c.b.mul(c.dy, c.output()), c.input(1))),
    ]),
    Pow: broadcasting((c) => [
      () => powBase(c),
      () => c.b.mul(c.dy, c.b.mul(c.output(), c.b.op("Log", [c.input(0)]))),
    ]),
    Max: extremum,
    Min: extremum,
    Neg: (c) => [c.b.neg(c.dy)],
    Abs: unary((c) => c.b.op("Sign", [c.input()])),
    Sqrt: (c) => [c.b.scale(c.b.div(c.dy, c.output()), 0.5)],
    Reciprocal: unary((c) => c.b.neg(square(c, c.output()))),
    Exp: unary((c) => c.output()),
    Log: (c) => [c.b.div(c.dy, c.input())],
    Erf: unary((c) => c.b.scale(c.b.op("Exp", [c.b.neg(square(c, c.input()))]), 2 / Math.sqrt(Math.PI))),
    Sin: unary((c) => c.b.op("Cos", [c.input()])),
    Cos: unary((c) => c.b.neg(c.b.op("Sin", [c.input()]))),
    Tan: unary((c) => c.b.shift(square(c, c.output()), 1)),
    Asin: unary((c) => reciprocalRoot(c, c.b.sub(c.b.scalar(1), square(c, c.input())))),
    Acos: unary((c) => c.b.neg(reciprocalRoot(c, c.b.sub(c.b.scalar(1), square(c, c.input()))))),
    Atan: (c) => [c.b.div(c.dy, c.b.shift(square(c, c.input()), 1))],
    Sinh: unary((c) => c.b.op("Cosh", [c.input()])),
    Cosh: unary((c) => c.b.op("Sinh", [c.input()])),
    Asinh: unary((c) => reciprocalRoot(c, c.b.shift(square(c, c.input()), 1))),
    Acosh: unary((c) => reciprocalRoot(c, c.b.shift(square(c, c.input()), -1))),
    Atanh: (c) => [c.b.div(c.dy, c.b.sub(c.b.scalar(1), square(c, c.input())))],
    CumSum: (c) => [
      c.b.op("CumSum", [c.dy, c.indices(1)], {
        exclusive: c.int("exclusive", 0),
        reverse: 1 - c.int("reverse", 0),
      }),
    ],
  },
  remarks: {
    Max: "ties share the gradient equally",
    Min: "ties share the gradient equally",
    Pow: "the gradient of the exponent needs a positive base",
  },
};
