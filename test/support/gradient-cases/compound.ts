/** @file Recurrences, attention, fused operators, choices by index, and operators at further operator sets. */
import { create } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType, AttributeProtoSchema } from "onnx-buf";
import { makeNode, type AttributeValue } from "../../../src/onnx/graph.ts";
import { DataType, floatTensor, int64Tensor, uint8Tensor } from "../../../src/onnx/tensor.ts";
import { single, type Input, type OperatorCase } from "../gradient-check.ts";

type Attributes = Readonly<Record<string, AttributeValue>>;
type Inputs = Readonly<Record<string, Input | readonly number[]>>;

const ints = (name: string, ...values: number[]) => int64Tensor(name, [values.length], values);
const apart = (...dims: number[]): Input => ({ dims, kind: "apart" });

/** A case of the domain of fused operators. */
function microsoft(
  operator: string,
  inputs: Inputs,
  attributes: Attributes = {},
  more: Parameters<typeof single>[4] = {},
): OperatorCase {
  const plain = single(operator, 17, inputs, attributes, more);
  for (const node of plain.nodes) node.domain = "com.microsoft";
  return { ...plain, operator: `com.microsoft.${operator}` };
}

/** Steps 4, batch 2, inputs 3, hidden 2. */
const recurrentInputs = (gates: number, directions: number, more: Inputs = {}): Inputs => ({
  x: [4, 2, 3],
  w: [directions, gates * 2, 3],
  r: [directions, gates * 2, 2],
  b: [directions, 2 * gates * 2],
  ...more,
});

/** Y, Y_h and where there is one Y_c, flattened into one result. */
function recurrent(
  operator: string,
  label: string,
  opset: number,
  inputs: Inputs,
  attributes: Attributes,
  order = Object.keys(inputs),
): OperatorCase {
  const states = operator === "LSTM" ? ["Y", "H", "C"] : ["Y", "H"];
  const plain = single(operator, opset, inputs, attributes, { label, order });
  return {
    ...plain,
    constants: [ints("flat", -1)],
    nodes: [
      makeNode(operator, order, states, { hidden_size: 2, ...attributes }),
      ...states.map((s) => makeNode("Reshape", [s, "flat"], [`${s}.flat`])),
      makeNode(
        "Concat",
        states.map((s) => `${s}.flat`),
        ["y"],
        { axis: 0 },
      ),
    ],
  };
}

const both: Attributes = { direction: "bidirectional" };
const states: Inputs = { h: [1, 2, 2], c: [1, 2, 2] };
const recurrences: OperatorCase[] = [
  recurrent("LSTM", "forward", 7, recurrentInputs(4, 1), {}),
  recurrent("LSTM", "reverse, initial state", 14, recurrentInputs(4, 1, states), { direction: "reverse" }, [
    "x",
    "w",
    "r",
    "b",
    "",
    "h",
    "c",
  ]),
  recurrent("LSTM", "both directions", 22, recurrentInputs(4, 2), both),
  recurrent("LSTM", "peepholes", 14, recurrentInputs(4, 1, { p: [1, 6] }), {}, [
    "x",
    "w",
    "r",
    "b",
    "",
    "",
    "",
    "p",
  ]),
  recurrent("GRU", "forward", 7, recurrentInputs(3, 1), {}),
  recurrent("GRU", "reset after the product", 14, recurrentInputs(3, 1), { linear_before_reset: 1 }),
  recurrent("GRU", "both directions", 22, recurrentInputs(3, 2), { ...both, linear_before_reset: 1 }),
  recurrent("GRU", "no bias", 14, { x: [4, 2, 3], w: [1, 6, 3], r: [1, 6, 2] }, { direction: "reverse" }),
  recurrent("RNN", "forward", 7, recurrentInputs(1, 1), {}),
  recurrent("RNN", "both directions, initial state", 14, recurrentInputs(1, 2, { h: [2, 2, 2] }), both, [
    "x",
    "w",
    "r",
    "b",
    "",
    "h",
  ]),
];

const heads = (name: string): Inputs => ({ [name]: [1, 2, 3, 4] });
const masked = floatTensor("mask", [3, 3], Float32Array.of(0, -9, 0, 0, 0, -9, 0, 0, 0));
const rotary = (shape: number[]) => ({
  constants: [
    floatTensor(
      "cos",
      shape,
      Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => Math.cos(i)),
    ),
    floatTensor(
      "sin",
      shape,
      Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => Math.sin(i)),
    ),
    int64Tensor("positions", [1, 3], [0, 1, 2]),
  ],
  order: ["x", "cos", "sin", "positions"],
});

const attention: OperatorCase[] = [
  single("Attention", 23, { ...heads("q"), ...heads("k"), ...heads("v") }),
  single(
    "Attention",
    23,
    { ...heads("q"), ...heads("k"), ...heads("v") },
    { is_causal: 1, softcap: { float: 2 }, scale: { float: 0.7 } },
    { label: "causal, capped" },
  ),
  single(
    "Attention",
    24,
    { q: [2, 3, 8], k: [2, 3, 4], v: [2, 3, 4] },
    { q_num_heads: 4, kv_num_heads: 2 },
    { label: "shared keys, mask", constants: [masked] },
  ),
  single("RotaryEmbedding", 23, heads("x"), {}, rotary([3, 2])),
  single(
    "RotaryEmbedding",
    23,
    heads("x"),
    { interleaved: 1, rotary_embedding_dim: 2 },
    {
      label: "interleaved, a part",
      ...rotary([3, 1]),
    },
  ),
  microsoft("MultiHeadAttention", { q: [2, 3, 8], k: [2, 4, 8], v: [2, 4, 8], b: [24] }, { num_heads: 2 }),
];

const fused: OperatorCase[] = [
  single("RMSNormalization", 23, { x: [2, 3, 5], s: { dims: [5], kind: "positive" } }),
  single("SimplifiedLayerNormalization", 17, { x: [2, 5], s: { dims: [5], kind: "positive" } }),
  single("MeanVarianceNormalization", 13, { x: [2, 3, 4, 2] }),
  single("Einsum", 17, { a: [2, 3, 4], b: [4, 5] }, { equation: "...i,ij->...j" }, { label: "ellipsis" }),
  single(
    "Einsum",
    17,
    { a: [2, 3, 4], b: [2, 3, 4] },
    { equation: "...ij,...ij" },
    { label: "two ellipses" },
  ),
  microsoft("Gelu", { x: [2, 7] }),
  microsoft("BiasGelu", { x: [2, 7], b: [7] }),
  microsoft("FastGelu", { x: [2, 7], b: [7] }),
  microsoft("QuickGelu", { x: [2, 7] }),
  microsoft("SkipLayerNormalization", { x: [2, 3, 5], s: [2, 3, 5], gamma: [5], beta: [5], b: [5] }),
  microsoft("SkipSimplifiedLayerNormalization", { x: [2, 3, 5], s: [2, 3, 5], gamma: [5] }),
  microsoft("FusedMatMul", { a: [2, 3, 4], b: [2, 5, 4] }, { transB: 1, alpha: { float: 0.3 } }),
  microsoft("FusedMatMul", { a: [4, 3], b: [4, 5] }, { transA: 1 }, { label: "A transposed" }),
  microsoft(
    "FusedConv",
    { x: [1, 2, 5, 5], w: [3, 2, 3, 3], b: [3] },
    { activation: "Tanh", pads: [1, 1, 1, 1] },
  ),
  microsoft("FusedGemm", { a: [2, 3], b: [4, 3], c: [4] }, { activation: "Sigmoid", transB: 1 }),
];

/** The chosen values, weighted by the operator's own use. */
const choices: OperatorCase[] = [
  {
    operator: "TopK",
    opset: 11,
    inputs: { x: apart(2, 6) },
    constants: [ints("k", 3)],
    nodes: [makeNode("TopK", ["x", "k"], ["y", "i"], { axis: 1 })],
  },
  {
    operator: "TopK",
    label: "attribute, smallest axis first",
    opset: 7,
    inputs: { x: apart(4, 3) },
    nodes: [makeNode("TopK", ["x"], ["y", "i"], { axis: 0, k: 2 })],
  },
  ...["none", "add"].flatMap((reduction) => {
    const constants = [int64Tensor("i", [2, 1], [2, 0]), int64Tensor("e", [2, 2], [0, 1, 2, 0])];
    const attributes = reduction === "none" ? {} : { reduction };
    return [
      single("ScatterND", 16, { x: [3, 4], u: [2, 4] }, attributes, {
        label: reduction,
        constants: [constants[0]!],
        order: ["x", "i", "u"],
      }),
      single(
        "ScatterElements",
        16,
        { x: [3, 4], u: [2, 2] },
        { axis: 0, ...attributes },
        {
          label: reduction,
          constants: [constants[1]!],
          order: ["x", "e", "u"],
        },
      ),
    ];
  }),
  single(
    "Scatter",
    9,
    { x: [3, 4], u: [2, 2] },
    { axis: 0 },
    {
      constants: [int64Tensor("e", [2, 2], [0, 1, 2, 0])],
      order: ["x", "e", "u"],
    },
  ),
  {
    operator: "MaxUnpool",
    opset: 11,
    inputs: { x: apart(1, 2, 4, 4) },
    nodes: [
      makeNode("MaxPool", ["x"], ["p", "i"], { kernel_shape: [2, 2], strides: [2, 2] }),
      makeNode("MaxUnpool", ["p", "i"], ["y"], { kernel_shape: [2, 2], strides: [2, 2] }),
    ],
  },
  single("ReverseSequence", 10, { x: [3, 2, 2] }, {}, { constants: [ints("lengths", 2, 3)] }),
];

/** Quantisation fine enough (steps of 2^-14) to look smooth: half a step over the differences' length is below 1e-3. */
const step = floatTensor("step", [], Float32Array.of(2 ** -14));
const steps = floatTensor("steps", [3], Float32Array.of(2 ** -14, 2 ** -13, 2 ** -14));
const zero = (type: DataType, count?: number) => ({
  ...uint8Tensor("zero", count === undefined ? [] : [count], new Uint8Array(2 * (count ?? 1))),
  dataType: type,
});
const quantised: OperatorCase[] = [
  {
    operator: "QuantizeLinear",
    opset: 21,
    inputs: { x: { dims: [4, 5] } },
    constants: [step, zero(DataType.INT16)],
    nodes: [
      makeNode("QuantizeLinear", ["x", "step", "zero"], ["q"]),
      makeNode("DequantizeLinear", ["q", "step", "zero"], ["y"]),
    ],
  },
  {
    operator: "DequantizeLinear",
    label: "per axis",
    opset: 21,
    inputs: { x: { dims: [4, 3] } },
    constants: [steps, zero(DataType.INT16, 3)],
    nodes: [
      makeNode("QuantizeLinear", ["x", "steps", "zero"], ["q"]),
      makeNode("DequantizeLinear", ["q", "steps", "zero"], ["y"]),
    ],
  },
];

/** The oldest form of `Upsample`: factors as an attribute. */
const upsample = makeNode("Upsample", ["x"], ["y"], { mode: "linear" });
upsample.attribute.push(
  create(AttributeProtoSchema, {
    name: "scales",
    type: AttributeProto_AttributeType.FLOATS,
    floats: [1, 1, 2, 1.5],
  }),
);
const oldForms: OperatorCase[] = [
  {
    operator: "Upsample",
    label: "attribute",
    opset: 7,
    inputs: { x: { dims: [1, 2, 3, 4] } },
    nodes: [upsample],
  },
];

/** Types other than float32 on the way. */
const types: OperatorCase[] = [
  {
    operator: "Cast",
    label: "through double",
    opset: 17,
    inputs: { x: { dims: [2, 3] }, w: { dims: [3, 4] } },
    nodes: [
      makeNode("Cast", ["x"], ["xd"], { to: DataType.DOUBLE }),
      makeNode("Cast", ["w"], ["wd"], { to: DataType.DOUBLE }),
      makeNode("MatMul", ["xd", "wd"], ["h"]),
      makeNode("Tanh", ["h"], ["t"]),
      makeNode("Cast", ["t"], ["y"], { to: DataType.FLOAT }),
    ],
  },
];

export const compoundCases: readonly OperatorCase[] = [
  ...recurrences,
  ...attention,
  ...fused,
  ...choices,
  ...quantised,
  ...types,
  ...oldForms,
];
