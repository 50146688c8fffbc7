/** @file Rules of reductions, with their axes as attribute or as input. */
import type { Dims } from "../../onnx/index.ts";
import { positiveAxis, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

interface Reduction {
  readonly axes: readonly number[];
  /** Shape of the result with the reduced axes kept as 1. */
  readonly kept: Dims;
  /** Elements that form one element of the result. */
  readonly count: number;
}

function reduction(c: RuleContext): Reduction {
  const dims = c.dims();
  const stated = c.ints("axes") ?? c.integers(1) ?? [];
  const idle = stated.length === 0 && c.int("noop_with_empty_axes", 0) !== 0;
  const axes = idle
    ? []
    : stated.length === 0
      ? dims.map((_, i) => i)
      : stated.map((a) => positiveAxis(a, dims.length)).sort((a, b) => a - b);
  return {
    axes,
    kept: dims.map((d, i) => (axes.includes(i) ? 1 : d)),
    count: axes.reduce((n, a) => n * dims[a]!, 1),
  };
}

/** The cotangent, spread over the reduced axes by multiplying it with something of the input's shape. */
function weighted(weight: (c: RuleContext, r: Reduction, kept: (x: string) => string) => string): Rule {
  return (c) => {
    const r = reduction(c);
    const kept = (x: string): string => c.b.reshape(x, r.kept);
    return [c.b.mul(kept(c.dy), weight(c, r, kept))];
  };
}

function linear(factor: (r: Reduction) => number): Rule {
  return (c) => {
    const r = reduction(c);
    return [c.b.spread(c.b.reshape(c.dy, r.kept), r.kept, c.dims(), factor(r))];
  };
}

const extremum: Rule = weighted((c, r, kept) => {
  const hits = c.b.indicator(c.b.op("Equal", [c.input(), kept(c.output())]));
  return c.b.div(hits, c.b.reduceSum(hits, r.axes, true));
});

export const reductions: RuleGroup = {
  kind: "reduction",
  rules: {
    ReduceSum: linear(() => 1),
    ReduceMean: linear((r) => 1 / r.count),
    ReduceMax: extremum,
    ReduceMin: extremum,
    ReduceSumSquare: weighted((c) => c.b.scale(c.input(), 2)),
    ReduceL1: weighted((c) => c.b.op("Sign", [c.input()])),
    ReduceL2: weighted((c, _, kept) => c.b.div(c.input(), kept(c.output()))),
    ReduceLogSum: weighted((c, r, kept) =>
      c.b.spread(c.b.op("Exp", [c.b.neg(kept(c.output()))]), r.kept, c.dims()),
    ),
    ReduceLogSumExp: weighted((c, _, kept) => c.b.op("Exp", [c.b.sub(c.input(), kept(c.output()))])),
  },
  remarks: {
    ReduceMax: "ties share the gradient equally",
    ReduceMin: "ties share the gradient equally",
  },
};
