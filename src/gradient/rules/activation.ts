/** @file Rules of activation functions. */
import { NoRule, positiveAxis, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

/** `dy` where `x` > 0, and `dy` times `slope` elsewhere. */
function sided(c: RuleContext, x: string, slope: string): string {
  return c.b.op("Where", [c.b.op("Greater", [x, c.b.scalar(0)]), c.dy, c.b.mul(c.dy, slope)]);
}

/** `dy` where `low` < `x` < `high`. */
function inside(c: RuleContext, x: string, low: string | undefined, high: string | undefined): string {
  const tests = [
    ...(low === undefined ? [] : [c.b.op("Greater", [x, low])]),
    ...(high === undefined ? [] : [c.b.op("Less", [x, high])]),
  ];
  if (tests.length === 0) return c.dy;
  return c.b.mul(c.dy, c.b.once(c.b.indicator(tests.length === 1 ? tests[0]! : c.b.op("And", tests))));
}

/** Sum of `dy` where the output stands at a bound. */
function atBound(c: RuleContext, i: number): string {
  const hits = c.b.indicator(c.b.op("Equal", [c.output(), c.input(i)]));
  return c.b.unbroadcast(c.b.mul(c.dy, hits), c.outputDims(), c.dims(i));
}

/** The output tells whether the input was inside, so that the runtime may fuse the clip into what precedes it. */
const Clip: Rule = (c) => {
  const bound = (i: number, name: string): string | undefined => {
    if (c.opset >= 11) return c.has(i) ? c.input(i) : undefined;
    const value = c.float(name, Number.NaN);
    return Number.isNaN(value) || Math.abs(value) > 3.4e38 ? undefined : c.b.scalar(value);
  };
  return [
    c.wants(0) ? inside(c, c.output(), bound(1, "min"), bound(2, "max")) : undefined,
    c.wants(1) ? atBound(c, 1) : undefined,
    c.wants(2) ? atBound(c, 2) : undefined,
  ];
};

/** `y (dy - sum(y dy))` over the softmax axes, or `dy - exp(y) sum(dy)` for its logarithm. */
function softmax(logarithmic: boolean): Rule {
  return (c) => {
    const rank = c.dims().length;
    const axis = positiveAxis(c.int("axis", c.opset < 13 ? 1 : -1), rank);
    const axes = c.opset < 13 ? Array.from({ length: rank - axis }, (_, i) => axis + i) : [axis];
    const y = c.output();
    if (logarithmic) {
      return [c.b.sub(c.dy, c.b.mul(c.b.op("Exp", [y]), c.b.reduceSum(c.dy, axes, true)))];
    }
    const product = c.b.mul(y, c.dy);
    return [c.b.sub(product, c.b.mul(y, c.b.reduceSum(product, axes, true)))];
  };
}

const gaussian = (c: RuleContext, x: string): string =>
  c.b.scale(c.b.op("Exp", [c.b.scale(c.b.mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI));

/** Derivative of `x Phi(x)`, or of its approximation by tanh. */
function geluSlope(c: RuleContext, x: string, approximate: boolean): string {
  if (!approximate) {
    const cumulative = c.b.scale(c.b.shift(c.b.op("Erf", [c.b.scale(x, Math.SQRT1_2)]), 1), 0.5);
    return c.b.add(cumulative, c.b.mul(x, gaussian(c, x)));
  }
  const root = Math.sqrt(2 / Math.PI);
  const squared = c.b.mul(x, x);
  const u = c.b.mul(x, c.b.shift(c.b.scale(squared, 0.044715 * root), root));
  const t = c.b.op("Tanh", [u]);
  const du = c.b.shift(c.b.scale(squared, 3 * 0.044715 * root), root);
  const tail = c.b.mul(c.b.mul(x, du), c.b.sub(c.b.scalar(1), c.b.mul(t, t)));
  return c.b.scale(c.b.add(c.b.shift(t, 1), tail), 0.5);
}

const times = (slope: (c: RuleContext, x: string) => string): Rule => {
  return (c) => [c.b.mul(c.dy, c.b.once(slope(c, c.input())))];
};

/** Derivative of `x sigmoid(alpha x)`. */
function swishSlope(c: RuleContext, x: string, alpha: number): string {
  const s = c.b.op("Sigmoid", [c.b.scale(x, alpha)]);
  const bend = c.b.mul(c.b.scale(x, alpha), c.b.sub(c.b.scalar(1), s));
  return c.b.mul(s, c.b.shift(bend, 1));
}

export const activation: RuleGroup = {
  kind: "activation",
  rules: {
    Relu: (c) => [c.b.masked.has(c.dy) ? c.dy : c.b.mul(c.dy, c.b.positive(c.output()))],
    LeakyRelu: (c) => [sided(c, c.input(), c.b.scalar(c.float("alpha", 0.01)))],
    PRelu: (c) => [
      c.wants(0) ? sided(c, c.input(), c.input(1)) : undefined,
      c.wants(1)
        ? c.b.unbroadcast(c.b.mul(c.dy, c.b.op("Min", [c.input(), c.b.scalar(0)])), c.outputDims(), c.dims(1))
        : undefined,
    ],
    ThresholdedRelu: (c) => [inside(c, c.input(), c.b.scalar(c.float("alpha", 1)), undefined)],
    Elu: (c) => [
      sided(
        c,
        c.input(),
        c.b.scale(c.b.op("Exp", [c.b.op("Min", [c.input(), c.b.scalar(0)])]), c.float("alpha", 1)),
      ),
    ],
    Selu: (c) => {
      const alpha = c.float("alpha", 1.67326319217681884765625);
      const exponential = c.b.op("Exp", [c.b.op("Min", [c.input(), c.b.scalar(0)])]);
      return [
        c.b.scale(
          sided(c, c.input(), c.b.scale(exponential, alpha)),
          c.float("gamma", 1.05070102214813232421875),
        ),
      ];
    },
    Celu: (c) => {
      const clipped = c.b.op("Min", [c.input(), c.b.scalar(0)]);
      return [c.b.mul(c.dy, c.b.op("Exp", [c.b.scale(clipped, 1 / c.float("alpha", 1))]))];
    },
    Sigmoid: times((c) => {
      const y = c.output();
      return c.b.mul(y, c.b.sub(c.b.scalar(1), y));
    }),
    Tanh: times((c) => {
      const y = c.output();
      return c.b.sub(c.b.scalar(1), c.b.mul(y, y));
    }),
    Softplus: times((c, x) => c.b.op("Sigmoid", [x])),
    Softsign: (c) => {
      const base = c.b.shift(c.b.op("Abs", [c.input()]), 1);
      return [c.b.div(c.dy, c.b.mul(base, base))];
    },
    HardSigmoid: (c) => [
      c.b.scale(inside(c, c.output(), c.b.scalar(0), c.b.scalar(1)), c.float("alpha", 0.2)),
    ],
    HardSwish: times((c, x) => {
      const gate = c.b.op("HardSigmoid", [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
      const ramp = c.b.op("And", [
        c.b.op("Greater", [x, c.b.scalar(-3)]),
        c.b.op("Less", [x, c.b.scalar(3)]),
      ]);
      return c.b.add(gate, c.b.mul(c.b.indicator(ramp), c.b.scale(x, 1 / 6)));
    }),
    Swish: times((c, x) => swishSlope(c, x, c.float("alpha", 1))),
    Mish: times((c, x) => {
      const t = c.b.op("Tanh", [c.b.op("Softplus", [x])]);
      const bend = c.b.mul(c.b.mul(x, c.b.op("Sigmoid", [x])), c.b.sub(c.b.scalar(1), c.b.mul(t, t)));
      return c.b.add(t, bend);
    }),
    Gelu: times((c, x) => geluSlope(c, x, c.string("approximate", "none") === "tanh")),
    Clip,
    Softmax: softmax(false),
    LogSoftmax: softmax(true),
    Dropout: (c) => {
      if (c.opset >= 12 && c.has(2) && c.numbers(2)?.[0] !== 0) throw new NoRule("training mode");
      return [c.dy];
    },
  },
  remarks: {
    Clip: "bounds as attributes or inputs",
    Dropout: "inference only",
    Relu: "derivative 0 at 0",
    Softmax: "also the flattening form before opset 13",
    LogSoftmax: "also the flattening form before opset 13",
  },
};
