/** @file Matrix products, convolution, pooling, shapes and resampling. */
import { makeNode, type AttributeValue } from "../../../src/onnx/graph.ts";
import { DataType, floatTensor, int64Tensor, uint8Tensor } from "../../../src/onnx/tensor.ts";
import { single, type Input, type OperatorCase } from "../gradient-check.ts";

const ints = (name: string, ...values: number[]) => int64Tensor(name, [values.length], values);
const apart = (...dims: number[]): Input => ({ dims, kind: "apart" });
type Attributes = Readonly<Record<string, AttributeValue>>;

const linear: OperatorCase[] = [
  single("Gemm", 17, { a: [2, 3], b: [3, 4], c: [4] }),
  single(
    "Gemm",
    13,
    { a: [3, 2], b: [4, 3], c: [2, 1] },
    { transA: 1, transB: 1, alpha: { float: 0.7 }, beta: { float: 1.3 } },
    { label: "both transposed" },
  ),
  single("Gemm", 11, { a: [2, 3], b: [4, 3] }, { transB: 1 }, { label: "B transposed" }),
  single("Gemm", 7, { a: [3, 2], b: [3, 4], c: [] }, { transA: 1 }, { label: "A transposed" }),
  single("MatMul", 17, { a: [2, 3], b: [3, 4] }),
  single("MatMul", 17, { a: [2, 5, 3], b: [3, 4] }, {}, { label: "batch times matrix" }),
  single("MatMul", 17, { a: [2, 3], b: [2, 3, 4] }, {}, { label: "matrix times batch" }),
  single("MatMul", 17, { a: [2, 1, 2, 3], b: [3, 3, 4] }, {}, { label: "broadcast batches" }),
  single("MatMul", 17, { a: [3], b: [3] }, {}, { label: "vectors" }),
  single("MatMul", 17, { a: [3], b: [3, 2] }, {}, { label: "vector times matrix" }),
  single("MatMul", 17, { a: [3], b: [2, 3, 2] }, {}, { label: "vector times batch" }),
  single("MatMul", 17, { a: [2, 4, 3], b: [3] }, {}, { label: "batch times vector" }),
  single("Einsum", 17, { a: [2, 3, 4], b: [2, 4, 2] }, { equation: "bij,bjk->bik" }),
  single("Einsum", 17, { a: [2, 3], b: [3, 4], c: [4] }, { equation: "ij, jk, k -> i" }, { label: "three" }),
  single("Einsum", 17, { a: [2, 3], b: [3] }, { equation: "ij,j" }, { label: "implicit" }),
  single("Einsum", 17, { a: [2, 3], b: [4] }, { equation: "ij,k->ik" }, { label: "summed alone" }),
  single("Einsum", 17, { a: [2, 3] }, { equation: "ij->ji" }, { label: "transpose" }),
];

const conv = (
  label: string,
  x: number[],
  w: number[],
  attributes: Attributes = {},
  opset = 17,
): OperatorCase => single("Conv", opset, { x, w, bias: [w[0]!] }, attributes, { label });

const convolution: OperatorCase[] = [
  conv("plain", [2, 5, 5, 4], [3, 5, 3, 2]),
  conv("few channels", [2, 2, 5, 4], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }),
  conv("pads, unequal", [2, 4, 5, 4], [2, 4, 3, 3], { pads: [2, 0, 1, 2] }),
  conv("strides", [2, 4, 7, 6], [2, 4, 3, 3], { strides: [2, 3], pads: [1, 1, 1, 1] }),
  conv("strides that leave a rest", [2, 1, 6, 8], [2, 1, 2, 3], { strides: [3, 2] }),
  conv("dilations", [1, 4, 8, 7], [2, 4, 3, 2], { dilations: [2, 3], pads: [1, 0, 2, 1] }),
  conv("dilations, strides", [1, 2, 9, 8], [2, 2, 3, 2], {
    dilations: [2, 3],
    strides: [2, 2],
    pads: [1, 0, 2, 1],
  }),
  conv("1x1", [2, 4, 3, 3], [5, 4, 1, 1]),
  conv("1x1, stride 2", [2, 4, 5, 4], [3, 4, 1, 1], { strides: [2, 2] }),
  conv("more padding than kernel", [1, 4, 3, 3], [2, 4, 2, 2], { pads: [2, 2, 2, 2] }),
  conv("groups", [2, 8, 4, 4], [6, 4, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  conv("groups, few channels", [2, 4, 4, 4], [6, 2, 3, 3], { group: 2, strides: [2, 1] }),
  conv("depthwise", [2, 4, 5, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
  conv("depthwise, strides", [2, 3, 6, 7], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1], strides: [2, 2] }),
  conv("depthwise, two filters", [2, 3, 5, 5], [6, 1, 3, 2], {
    group: 3,
    pads: [1, 0, 0, 1],
    dilations: [1, 2],
  }),
  conv("depthwise, large", [2, 2, 12, 11], [2, 1, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  conv("depthwise, large, strides", [1, 2, 17, 18], [4, 1, 5, 3], {
    group: 2,
    pads: [2, 1, 1, 1],
    strides: [2, 2],
  }),
  conv("depthwise, large, dilations", [1, 2, 15, 14], [2, 1, 3, 2], { group: 2, dilations: [2, 3] }),
  conv("SAME_UPPER", [1, 4, 5, 6], [2, 4, 2, 3], { auto_pad: "SAME_UPPER", strides: [2, 2] }),
  conv("SAME_LOWER", [1, 4, 5, 6], [2, 4, 2, 3], { auto_pad: "SAME_LOWER", strides: [2, 1] }, 11),
  conv("VALID", [1, 4, 5, 6], [2, 4, 2, 3], { auto_pad: "VALID" }),
  conv("1-D", [2, 4, 9], [3, 4, 3], { pads: [1, 2], strides: [2] }),
  conv("1-D, depthwise", [2, 3, 70], [3, 1, 3], { pads: [1, 1], group: 3 }),
  conv("1-D, depthwise, stride", [2, 3, 9], [3, 1, 3], { pads: [1, 1], group: 3, strides: [2] }),
  conv("3-D", [1, 4, 3, 4, 3], [2, 4, 2, 2, 2], { pads: [0, 1, 0, 1, 0, 1] }),
];

const back = (label: string, x: number[], w: number[], attributes: Attributes = {}): OperatorCase =>
  single("ConvTranspose", 11, { x, w, bias: [w[1]! * (Number(attributes["group"] ?? 1) || 1)] }, attributes, {
    label,
  });

const transposed: OperatorCase[] = [
  back("plain", [2, 3, 4, 3], [3, 4, 3, 2]),
  back("strides, pads", [2, 3, 3, 3], [3, 4, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 0] }),
  back("output_padding", [1, 3, 3, 3], [3, 4, 3, 3], {
    strides: [2, 3],
    pads: [1, 1, 1, 1],
    output_padding: [1, 2],
  }),
  back("groups, dilations", [1, 4, 3, 4], [4, 2, 2, 3], { group: 2, dilations: [2, 1] }),
  back("depthwise", [2, 3, 4, 4], [3, 1, 3, 3], { group: 3, strides: [2, 2] }),
  back("output_shape", [1, 3, 3, 3], [3, 2, 3, 3], { strides: [2, 2], output_shape: [6, 5] }),
  back("SAME_UPPER", [1, 3, 3, 3], [3, 2, 4, 3], { strides: [2, 2], auto_pad: "SAME_UPPER" }),
  back("SAME_LOWER", [1, 3, 3, 3], [3, 2, 4, 3], { strides: [2, 2], auto_pad: "SAME_LOWER" }),
  back("1-D", [2, 3, 5], [3, 4, 3], { strides: [2] }),
];

const pool = (
  operator: string,
  label: string,
  x: number[],
  attributes: Attributes,
  opset = 17,
): OperatorCase => single(operator, opset, { x: apart(...x) }, attributes, { label });

const pooling: OperatorCase[] = [
  ...["MaxPool", "AveragePool"].flatMap((o) => [
    pool(o, "side by side", [2, 2, 4, 6], { kernel_shape: [2, 3], strides: [2, 3] }),
    pool(o, "side by side, with a rest", [2, 2, 5, 5], { kernel_shape: [2, 2], strides: [2, 2] }),
    pool(o, "overlapping", [2, 2, 7, 7], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    pool(o, "overlapping fully", [2, 2, 5, 4], { kernel_shape: [3, 2], strides: [1, 1] }),
    pool(o, "gaps", [1, 2, 7, 8], { kernel_shape: [2, 2], strides: [3, 3] }),
    pool(o, "ceil_mode", [1, 2, 6, 7], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, 19),
    pool(
      o,
      "ceil_mode, side by side",
      [1, 2, 5, 5],
      { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 },
      19,
    ),
    pool(o, "dilations", [1, 2, 7, 8], { kernel_shape: [2, 3], dilations: [3, 2], pads: [1, 1, 1, 1] }, 19),
    pool(o, "SAME_UPPER", [1, 2, 5, 6], { kernel_shape: [2, 3], strides: [2, 2], auto_pad: "SAME_UPPER" }),
    pool(
      o,
      "SAME_LOWER",
      [1, 2, 5, 6],
      { kernel_shape: [2, 3], strides: [2, 2], auto_pad: "SAME_LOWER" },
      11,
    ),
    pool(o, "1-D", [2, 3, 7], { kernel_shape: [3], strides: [2] }),
    pool(o, "3-D", [1, 2, 4, 4, 2], { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }),
  ]),
  pool("MaxPool", "opset 8", [2, 2, 5, 5], { kernel_shape: [3, 3], strides: [1, 1] }, 8),
  pool("AveragePool", "count_include_pad", [2, 2, 5, 6], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    count_include_pad: 1,
  }),
  pool(
    "AveragePool",
    "count_include_pad, ceil_mode",
    [1, 2, 6, 6],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0], count_include_pad: 1, ceil_mode: 1 },
    19,
  ),
  pool("GlobalAveragePool", "2-D", [2, 3, 3, 4], {}),
  pool("GlobalAveragePool", "1-D", [2, 3, 4], {}),
  pool("GlobalMaxPool", "2-D", [2, 3, 3, 4], {}),
];

const bool = (name: string, dims: number[], ...values: number[]) => ({
  ...uint8Tensor(name, dims, Uint8Array.from(values)),
  dataType: DataType.BOOL,
});

const shapes: OperatorCase[] = [
  single("Identity", 17, { x: [2, 3] }),
  single("Cast", 17, { x: [2, 3] }, { to: DataType.FLOAT }),
  single("Reshape", 17, { x: [2, 6] }, {}, { constants: [ints("shape", 3, -1)] }),
  single("Flatten", 17, { x: [2, 3, 4] }),
  single("Squeeze", 11, { x: [2, 1, 3] }, { axes: [1] }, { label: "attribute" }),
  single("Squeeze", 17, { x: [1, 2, 1] }, {}, { label: "input", constants: [ints("axes", 0)] }),
  single("Squeeze", 17, { x: [1, 2, 1] }, {}, { label: "all" }),
  single("Unsqueeze", 11, { x: [2, 3] }, { axes: [0, 3] }, { label: "attribute" }),
  single("Unsqueeze", 17, { x: [2, 3] }, {}, { label: "input", constants: [ints("axes", -1)] }),
  single("Transpose", 17, { x: [2, 3, 4] }, { perm: [1, 2, 0] }),
  single("Transpose", 17, { x: [2, 3, 4] }, {}, { label: "reversal" }),
  single("Concat", 17, { a: [2, 1, 2], b: [2, 3, 2], c: [2, 2, 2] }, { axis: -2 }),
  {
    operator: "Split",
    label: "attribute, one part unused",
    opset: 11,
    inputs: { x: { dims: [2, 6] } },
    nodes: [
      makeNode("Split", ["x"], ["a", "b", "c"], { axis: 1, split: [1, 3, 2] }),
      makeNode("Concat", ["c", "a"], ["y"], { axis: 1 }),
    ],
  },
  {
    operator: "Split",
    label: "input",
    opset: 13,
    inputs: { x: { dims: [5, 2] } },
    constants: [ints("sizes", 2, 3)],
    nodes: [
      makeNode("Split", ["x", "sizes"], ["a", "b"]),
      makeNode("Concat", ["b", "a"], ["y"], { axis: 0 }),
    ],
  },
  {
    operator: "Split",
    label: "num_outputs",
    opset: 18,
    inputs: { x: { dims: [2, 5] } },
    nodes: [
      makeNode("Split", ["x"], ["a", "b"], { axis: -1, num_outputs: 2 }),
      makeNode("Concat", ["b", "a"], ["y"], { axis: 1 }),
    ],
  },
  single(
    "Slice",
    9,
    { x: [4, 5] },
    { starts: [1, -3], ends: [3, 100], axes: [0, 1] },
    { label: "attributes" },
  ),
  single(
    "Slice",
    17,
    { x: [5, 6] },
    {},
    { label: "steps", constants: [ints("s", 1, -1), ints("e", 5, -6), ints("a", 0, 1), ints("t", 2, -2)] },
  ),
  single(
    "Slice",
    17,
    { x: [7, 3] },
    {},
    { label: "step 3", constants: [ints("s", -6), ints("e", 7), ints("a", -2), ints("t", 3)] },
  ),
  single("Slice", 13, { x: [4, 5] }, {}, { label: "no axes", constants: [ints("s", 1, 2), ints("e", 3, 4)] }),
  single(
    "Slice",
    13,
    { x: [4, 5] },
    {},
    { label: "backwards", constants: [ints("s", 3), ints("e", -100), ints("a", 0), ints("t", -1)] },
  ),
  single(
    "Gather",
    17,
    { x: [4, 3] },
    {},
    { label: "repeated rows", constants: [int64Tensor("i", [2, 3], [0, 2, -1, 2, 2, 1])] },
  ),
  single("Gather", 17, { x: [2, 4, 3] }, { axis: 1 }, { label: "axis 1", constants: [ints("i", 3, 0, 3)] }),
  single(
    "Gather",
    17,
    { x: [2, 4, 3] },
    { axis: -2 },
    { label: "one", constants: [int64Tensor("i", [], [-2])] },
  ),
  single(
    "GatherElements",
    17,
    { x: [3, 2] },
    { axis: 0 },
    { constants: [int64Tensor("i", [2, 2], [0, 2, 0, -1])] },
  ),
  single("GatherND", 17, { x: [3, 2, 2] }, {}, { constants: [int64Tensor("i", [3, 2], [0, 1, 2, 0, 0, 1])] }),
  single("Expand", 17, { x: [3, 1] }, {}, { constants: [ints("shape", 2, 1, 4)] }),
  single("Tile", 17, { x: [2, 3] }, {}, { constants: [ints("repeats", 3, 2)] }),
  single(
    "Where",
    17,
    { a: [2, 3], b: [3] },
    {},
    { constants: [bool("c", [2, 1], 1, 0)], order: ["c", "a", "b"] },
  ),
  single(
    "Where",
    17,
    { a: [], b: [2, 1] },
    {},
    { label: "broadcast", constants: [bool("c", [2, 3], 1, 0, 0, 1, 1, 0)], order: ["c", "a", "b"] },
  ),
  {
    operator: "Where",
    label: "condition computed",
    opset: 17,
    inputs: { a: apart(2, 3), b: { dims: [2, 3] } },
    constants: [floatTensor("zero", [], Float32Array.of(0))],
    nodes: [makeNode("Greater", ["a", "zero"], ["c"]), makeNode("Where", ["c", "a", "b"], ["y"])],
  },
  single("Trilu", 17, { x: [3, 4] }),
  single(
    "Trilu",
    17,
    { x: [2, 3, 4] },
    { upper: 0 },
    { label: "lower", constants: [int64Tensor("k", [], [-1])] },
  ),
  single("DepthToSpace", 17, { x: [1, 8, 2, 3] }, { blocksize: 2 }),
  single("DepthToSpace", 17, { x: [1, 8, 2, 3] }, { blocksize: 2, mode: "CRD" }, { label: "CRD" }),
  single("SpaceToDepth", 17, { x: [1, 2, 4, 6] }, { blocksize: 2 }),
];

const resize = (label: string, sizes: number[], attributes: Attributes, opset = 19): OperatorCase => ({
  operator: "Resize",
  label,
  opset,
  inputs: { x: { dims: [1, 2, 4, 5] } },
  constants: [ints("sizes", ...sizes)],
  nodes: [makeNode("Resize", ["x", "", "", "sizes"], ["y"], attributes)],
});

const scaled = (
  operator: string,
  label: string,
  opset: number,
  scales: number[],
  attributes: Attributes,
  order: string[],
): OperatorCase => ({
  operator,
  label,
  opset,
  inputs: { x: { dims: [1, 2, 4, 5] } },
  constants: [floatTensor("scales", [4], Float32Array.from(scales))],
  nodes: [makeNode(operator, order, ["y"], attributes)],
});

const resampling: OperatorCase[] = [
  single("Pad", 10, { x: [2, 3] }, { pads: [1, 0, 2, 1] }, { label: "attribute" }),
  single("Pad", 13, { x: [2, 5] }, {}, { label: "negative", constants: [ints("pads", 1, -1, 0, -2)] }),
  single(
    "Pad",
    18,
    { x: [2, 3] },
    {},
    { label: "axes", constants: [ints("pads", 1, 2), ints("axes", -1)], order: ["x", "pads", "", "axes"] },
  ),
  single(
    "Pad",
    17,
    { x: [1, 2, 4, 3] },
    { mode: "reflect" },
    { label: "reflect", constants: [ints("pads", 0, 0, 3, 1, 0, 0, 2, 2)] },
  ),
  single(
    "Pad",
    17,
    { x: [2, 3] },
    { mode: "edge" },
    { label: "edge", constants: [ints("pads", 1, 2, 0, 1)] },
  ),
  single(
    "Pad",
    19,
    { x: [2, 3] },
    { mode: "wrap" },
    { label: "wrap", constants: [ints("pads", 1, 2, 0, 1)] },
  ),
  ...["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"].flatMap(
    (mode) => [
      resize(`linear, ${mode}`, [1, 2, 7, 3], { mode: "linear", coordinate_transformation_mode: mode }),
      resize(`cubic, ${mode}`, [1, 2, 7, 8], { mode: "cubic", coordinate_transformation_mode: mode }),
      resize(`nearest, ${mode}`, [1, 2, 9, 3], { mode: "nearest", coordinate_transformation_mode: mode }),
    ],
  ),
  ...["floor", "ceil", "round_prefer_ceil", "round_prefer_floor"].map((rounding) =>
    resize(`nearest, ${rounding}`, [1, 2, 8, 3], { mode: "nearest", nearest_mode: rounding }),
  ),
  resize("cubic, outside excluded", [1, 2, 7, 8], {
    mode: "cubic",
    exclude_outside: 1,
    cubic_coeff_a: { float: -0.5 },
  }),
  scaled("Resize", "scales", 13, [1, 1, 2, 2], { mode: "linear" }, ["x", "", "scales"]),
  scaled("Resize", "uneven scales", 13, [1, 1, 1.3, 2.5], { mode: "linear" }, ["x", "", "scales"]),
  scaled("Resize", "opset 10", 10, [1, 1, 2, 2.4], { mode: "nearest" }, ["x", "scales"]),
  scaled("Resize", "opset 10, smaller", 10, [1, 1, 0.5, 0.7], { mode: "nearest" }, ["x", "scales"]),
  scaled("Resize", "opset 10, linear", 10, [1, 1, 2, 1.5], { mode: "linear" }, ["x", "scales"]),
  scaled("Upsample", "opset 9", 9, [1, 1, 2, 3], { mode: "nearest" }, ["x", "scales"]),
  scaled("Upsample", "opset 9, linear", 9, [1, 1, 2, 3], { mode: "linear" }, ["x", "scales"]),
];

export const structureCases: readonly OperatorCase[] = [
  ...linear,
  ...convolution,
  ...transposed,
  ...pooling,
  ...shapes,
  ...resampling,
];
