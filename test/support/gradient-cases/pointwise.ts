/** @file Arithmetic, activations, normalisation and reductions. */
import { makeNode } from "../../../src/onnx/graph.ts";
import { floatTensor, int64Tensor, uint8Tensor, DataType } from "../../../src/onnx/tensor.ts";
import { single, type Input, type Kind, type OperatorCase } from "../gradient-check.ts";

const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
const of = (kind: Kind, ...dims: number[]): Input => ({ dims, kind });
const ints = (name: string, ...values: number[]) => int64Tensor(name, [values.length], values);

const unary = (operators: readonly string[], kind: Kind, opset = 17): OperatorCase[] =>
  operators.map((operator) => single(operator, opset, { x: of(kind, 2, 7) }));

const arithmetic: OperatorCase[] = [
  ...["Add", "Sub", "Mul"].flatMap((operator) => [
    single(operator, 17, { a: [2, 3], b: [2, 3] }),
    single(operator, 17, { a: [2, 3, 4], b: [3, 1] }, {}, { label: "broadcast right" }),
    single(operator, 7, { a: [4], b: [2, 1, 4] }, {}, { label: "broadcast left" }),
    single(operator, 17, { a: [], b: [2, 3] }, {}, { label: "scalar" }),
  ]),
  single("Div", 17, { a: [2, 3, 4], b: of("positive", 3, 1) }),
  single("Div", 17, { a: [4], b: of("positive", 2, 4) }, {}, { label: "broadcast" }),
  single("Pow", 17, { a: of("positive", 2, 3), b: [2, 3] }),
  single("Pow", 17, { a: of("positive", 3), b: [2, 3] }, {}, { label: "broadcast" }),
  single("Pow", 17, { a: [2, 3] }, {}, { label: "square", constants: [scalar("e", 2)] }),
  single("Pow", 17, { a: [2, 3] }, {}, { label: "integer exponent", constants: [int64Tensor("e", [], [3])] }),
  single(
    "Pow",
    17,
    { a: of("positive", 3) },
    {},
    { label: "exponents", constants: [floatTensor("e", [2, 1], Float32Array.of(0.5, -1.5))] },
  ),
  single("Sum", 17, { a: [2, 3], b: [3], c: [2, 1] }),
  single("Sum", 17, { a: [2, 3] }, {}, { label: "of one" }),
  single("Mean", 17, { a: [2, 3], b: [3], c: [2, 1] }),
  ...["Max", "Min"].flatMap((operator) => [
    // One ladder for all, split by an earlier node, so that no two elements meet.
    {
      operator,
      opset: 17,
      inputs: { x: of("apart", 3, 8) },
      constants: [ints("sizes", 1, 1, 1)],
      nodes: [makeNode("Split", ["x", "sizes"], ["a", "b", "c"]), makeNode(operator, ["a", "b", "c"], ["y"])],
    },
    single(
      operator,
      17,
      { x: of("apart", 3, 4) },
      {},
      { label: "with a constant", constants: [scalar("m", 0)] },
    ),
  ]),
  ...unary(["Neg", "Exp", "Erf", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Asinh", "Atan"], "any"),
  ...unary(["Sqrt", "Reciprocal", "Log"], "positive"),
  ...unary(["Asin", "Acos", "Atanh"], "small"),
  ...unary(["Abs"], "apart"),
  {
    operator: "Acosh",
    opset: 17,
    inputs: { x: of("positive", 6) },
    constants: [scalar("one", 1)],
    nodes: [makeNode("Add", ["x", "one"], ["z"]), makeNode("Acosh", ["z"], ["y"])],
  },
  single("CumSum", 17, { x: [3, 4] }, {}, { constants: [int64Tensor("axis", [], [1])] }),
  single(
    "CumSum",
    17,
    { x: [3, 4] },
    { exclusive: 1, reverse: 1 },
    { label: "exclusive, reverse", constants: [int64Tensor("axis", [], [0])] },
  ),
];

const activation: OperatorCase[] = [
  ...unary(["Relu", "LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "HardSwish"], "apart"),
  ...unary(["Sigmoid", "Tanh", "Softplus", "Mish"], "any", 18),
  ...unary(["Softsign"], "apart"),
  single("ThresholdedRelu", 17, { x: of("apart", 9) }, { alpha: { float: 0.3 } }),
  single("LeakyRelu", 17, { x: of("apart", 9) }, { alpha: { float: 0.3 } }, { label: "alpha" }),
  single("Elu", 17, { x: of("apart", 9) }, { alpha: { float: 0.6 } }, { label: "alpha" }),
  single("Celu", 17, { x: of("apart", 9) }, { alpha: { float: 1.7 } }, { label: "alpha" }),
  single(
    "Selu",
    17,
    { x: of("apart", 9) },
    { alpha: { float: 1.2 }, gamma: { float: 0.8 } },
    { label: "alpha, gamma" },
  ),
  single(
    "HardSigmoid",
    17,
    { x: of("apart", 9) },
    { alpha: { float: 0.4 }, beta: { float: 0.3 } },
    { label: "alpha, beta" },
  ),
  single("PRelu", 17, { x: of("apart", 2, 3, 4), slope: [3, 1] }),
  single("PRelu", 9, { x: of("apart", 3, 5), slope: [1] }, {}, { label: "one slope" }),
  single("Gelu", 20, { x: [2, 7] }),
  single("Gelu", 20, { x: [2, 7] }, { approximate: "tanh" }, { label: "tanh" }),
  single("Swish", 24, { x: [2, 7] }, { alpha: { float: 1.5 } }),
  single("Clip", 17, { x: of("apart", 12) }, {}, { constants: [scalar("low", -0.3), scalar("high", 0.6)] }),
  single("Clip", 13, { x: of("apart", 12) }, {}, { label: "lower bound", constants: [scalar("low", 0.3)] }),
  single(
    "Clip",
    12,
    { x: of("apart", 12) },
    {},
    { label: "upper bound", constants: [scalar("high", 0.3)], order: ["x", "", "high"] },
  ),
  single("Clip", 12, { x: of("apart", 12) }, {}, { label: "no bounds" }),
  {
    operator: "Clip",
    label: "bounds from values",
    opset: 17,
    inputs: { x: of("apart", 13) },
    // Bounds between steps of the ladder, which differences of 1/16 do not reach.
    constants: [scalar("shift", 0.0725)],
    nodes: [
      makeNode("ReduceMean", ["x"], ["mean"], { keepdims: 0 }),
      makeNode("Add", ["mean", "shift"], ["low"]),
      makeNode("Clip", ["x", "low"], ["y"]),
    ],
  },
  single(
    "Clip",
    7,
    { x: of("apart", 12) },
    { min: { float: -0.3 }, max: { float: 0.6 } },
    { label: "attributes" },
  ),
  single("Clip", 7, { x: of("apart", 12) }, { min: { float: 0 } }, { label: "one attribute" }),
  ...["Softmax", "LogSoftmax"].flatMap((operator) => [
    single(operator, 13, { x: [2, 3, 4] }),
    single(operator, 13, { x: [2, 3, 4] }, { axis: 1 }, { label: "axis 1" }),
    single(operator, 11, { x: [2, 3, 4] }, {}, { label: "flattening" }),
    single(operator, 11, { x: [2, 3, 4] }, { axis: -1 }, { label: "flattening, last axis" }),
  ]),
  single("Dropout", 17, { x: [2, 3] }),
  single(
    "Dropout",
    13,
    { x: [2, 3] },
    {},
    {
      label: "inputs",
      constants: [
        scalar("ratio", 0.5),
        { ...uint8Tensor("off", [], Uint8Array.of(0)), dataType: DataType.BOOL },
      ],
    },
  ),
  single("Dropout", 7, { x: [2, 3] }, { ratio: { float: 0.3 } }, { label: "opset 7" }),
];

const normalisation: OperatorCase[] = [
  single(
    "BatchNormalization",
    15,
    { x: [2, 3, 4], scale: [3], shift: [3], mean: [3], variance: of("positive", 3) },
    { epsilon: { float: 1e-3 } },
  ),
  single(
    "BatchNormalization",
    9,
    { x: [4, 3], scale: [3], shift: [3], mean: [3], variance: of("positive", 3) },
    {},
    { label: "matrix" },
  ),
  single("LayerNormalization", 17, { x: [2, 3, 5], scale: [5], shift: [5] }),
  single(
    "LayerNormalization",
    17,
    { x: [2, 3, 5], scale: [5] },
    { epsilon: { float: 0.1 } },
    { label: "no shift" },
  ),
  single(
    "LayerNormalization",
    17,
    { x: [2, 3, 5], scale: [3, 5], shift: [3, 5] },
    { axis: 1 },
    { label: "two axes" },
  ),
  single("InstanceNormalization", 17, { x: [2, 3, 2, 4], scale: [3], shift: [3] }),
  single("GroupNormalization", 21, { x: [2, 6, 2, 3], scale: [6], shift: [6] }, { num_groups: 3 }),
  single(
    "GroupNormalization",
    18,
    { x: [2, 6, 2, 3], scale: [3], shift: [3] },
    { num_groups: 3 },
    { label: "opset 18" },
  ),
  single("LpNormalization", 17, { x: of("positive", 3, 4) }),
  single("LpNormalization", 17, { x: of("apart", 3, 4) }, { p: 1, axis: 0 }, { label: "1-norm" }),
  single(
    "LRN",
    17,
    { x: [2, 6, 2, 2] },
    { size: 3, alpha: { float: 0.6 }, beta: { float: 0.75 }, bias: { float: 1.2 } },
  ),
];

const reductionForms = (operator: string, kind: Kind): OperatorCase[] => [
  single(operator, 11, { x: of(kind, 2, 3, 4) }, { axes: [1], keepdims: 1 }, { label: "attribute" }),
  single(operator, 11, { x: of(kind, 2, 3, 4) }, { axes: [0, -1], keepdims: 0 }, { label: "dropped axes" }),
  single(
    operator,
    18,
    { x: of(kind, 2, 3, 4) },
    { keepdims: 0 },
    { label: "input", constants: [ints("axes", 2, 0)] },
  ),
  single(operator, 18, { x: of(kind, 2, 3) }, { keepdims: 0 }, { label: "all axes" }),
];

const reduction: OperatorCase[] = [
  ...["ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceLogSumExp"].flatMap((o) =>
    reductionForms(o, "any"),
  ),
  ...["ReduceMax", "ReduceMin", "ReduceL1"].flatMap((o) => reductionForms(o, "apart")),
  ...["ReduceL2", "ReduceLogSum"].flatMap((o) => reductionForms(o, "positive")),
  single("ReduceSum", 18, { x: [2, 3] }, { noop_with_empty_axes: 1 }, { label: "no axes, nothing to do" }),
];

export const pointwiseCases: readonly OperatorCase[] = [
  ...arithmetic,
  ...activation,
  ...normalisation,
  ...reduction,
];
