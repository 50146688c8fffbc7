/**
 * @file Small models in every form in which quantisation tools write weights, made from codes that tests may change.
 */
import type { TensorProto } from "onnx-buf";
import type { Codes } from "../src/channel/index.ts";
import {
  codeFormat,
  DataType,
  elementCount,
  int64Tensor,
  makeNode,
  packedTensor,
} from "../src/onnx/index.ts";
import {
  codesInt32,
  codesOf,
  float,
  modelOf,
  number,
  own,
  wave,
  type Parts,
  type QuantisedModel,
} from "./quantised-parts.ts";

/** x quantised to "xq" with step 0.02 around 100, and "yq" decoded with step 0.05 around 128 to "y". */
const quantisedInput = [makeNode("QuantizeLinear", ["x", "xs", "xz"], ["xq"])];
const quantisedOutput = [makeNode("DequantizeLinear", ["yq", "ys", "yz"], ["y"])];
const activations = [
  number("xs", 0.02),
  codesOf("xz", [], DataType.UINT8, [100]),
  number("ys", 0.05),
  codesOf("yz", [], DataType.UINT8, [128]),
];
/** One code of the output, and rounding. */
const oneCode = 0.05 * 1.001;
const rounding = 1e-4;

type Make = (codes: TensorProto) => Omit<Parts, "input">;

function quantised(
  dataType: DataType,
  dims: readonly number[],
  input: readonly number[],
  tolerance: number,
  make: Make,
): QuantisedModel {
  return {
    tensor: "w",
    dims,
    dataType,
    input,
    tolerance,
    build: (codes) => modelOf({ ...make(codesOf("w", dims, dataType, codes)), input }),
  };
}

const { INT8, UINT8, INT4, UINT4, INT16, UINT16, FLOAT8E4M3FN, FLOAT8E5M2 } = DataType;
const scales = (count: number) => Float32Array.from({ length: count }, (_, i) => 0.004 * (1 + (i % 3)));
const matrix = [4, 6];
const image = [2, 3, 5, 5];
const kernel = [4, 3, 3, 3];

/** Two heads over five places of four numbers, the input quantised. */
function attention(scale: TensorProto, zero: TensorProto): QuantisedModel {
  return quantised(DataType.INT8, [4, 12], [2, 5, 4], 1e-4, (w) => ({
    nodes: [
      ...quantisedInput,
      own(
        makeNode("QAttention", ["xq", "w", "bias", "xs", "ws", "", "xz", "wz"], ["y"], {
          num_heads: 2,
          unidirectional: 1,
        }),
      ),
    ],
    initialisers: [w, ...activations, scale, zero, float("bias", [12], wave(12))],
  }));
}

/** `DequantizeLinear` in front of a matrix product. */
function decoded(
  dataType: DataType,
  scaleDims: readonly number[],
  attributes: Readonly<Record<string, number>>,
  zero?: readonly number[],
  dims: readonly number[] = matrix,
): QuantisedModel {
  const size = codeFormat(dataType).bits > 8 ? 0.01 : 1;
  return quantised(dataType, dims, [3, dims[0]!], rounding, (w) => ({
    nodes: [
      makeNode("DequantizeLinear", zero === undefined ? ["w", "s"] : ["w", "s", "z"], ["d"], attributes),
      makeNode("MatMul", ["x", "d"], ["y"]),
    ],
    initialisers: [
      w,
      float(
        "s",
        scaleDims,
        scales(elementCount(scaleDims)).map((s) => s * size),
      ),
      ...(zero === undefined ? [] : [codesOf("z", scaleDims, dataType, zero)]),
    ],
  }));
}

const columnScales = float("ws", [6], scales(6));
const columnZeros = codesOf("wz", [6], INT8, [0, 3, 250, 1, 0, 7]);
const blocks = (rows: number, count: number) => float("bs", [rows * count], scales(rows * count));

/** Codes of 4 or 8 bits packed in rows of whole blocks, as `MatMulNBits` holds them. */
function packRows(codes: Codes, rows: number, columns: number, blockSize: number, bits: number): TensorProto {
  const perRow = Math.ceil(columns / blockSize) * blockSize;
  const padded = new Uint8Array(rows * perRow);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) padded[r * perRow + c] = codes[r * columns + c]!;
  const packed = packedTensor("w", [], bits === 4 ? UINT4 : UINT8, padded).rawData;
  const blob = (blockSize * bits) / 8;
  return codesOf("w", [rows, perRow / blockSize, blob], UINT8, packed);
}

/** Weights in blocks; the codes are [N, K] whatever the file's packing. */
function inBlocks(
  bits: 4 | 8,
  columns: number,
  zeroPoints: "none" | "packed",
  opset: number,
): QuantisedModel {
  const [rows, blockSize] = [5, 16];
  const count = Math.ceil(columns / blockSize);
  return {
    tensor: "w",
    dims: [rows, columns],
    dataType: bits === 4 ? UINT4 : UINT8,
    input: [3, columns],
    tolerance: rounding * 10,
    build(codes) {
      const attributes = { K: columns, N: rows, bits, block_size: blockSize };
      const zeros = packedTensor(
        "",
        [],
        bits === 4 ? UINT4 : UINT8,
        Uint8Array.from({ length: rows * count * 2 }, (_, i) => (i * 5) % 2 ** bits),
      ).rawData;
      const width = Math.ceil((count * bits) / 8);
      const inputs = zeroPoints === "none" ? ["x", "w", "bs"] : ["x", "w", "bs", "bz"];
      return modelOf({
        nodes: [own(makeNode("MatMulNBits", inputs, ["y"], attributes))],
        initialisers: [
          packRows(codes, rows, columns, blockSize, bits),
          blocks(rows, count),
          ...(zeroPoints === "none"
            ? []
            : [codesOf("bz", [rows * width], UINT8, zeros.slice(0, rows * width))]),
        ],
        input: [3, columns],
        opset,
      });
    },
  };
}

/** What dynamic quantisation writes for a matrix product. */
const dynamic = (scale: TensorProto, zero: TensorProto): QuantisedModel =>
  quantised(INT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [
      makeNode("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
      makeNode("MatMulInteger", ["xq", "w", "xz", "wz"], ["yi"]),
      makeNode("Cast", ["yi"], ["yf"], { to: DataType.FLOAT }),
      makeNode("Mul", ["xs", "ws"], ["s"]),
      makeNode("Mul", ["yf", "s"], ["y"]),
    ],
    initialisers: [w, scale, zero],
  }));

/** Models in which one tensor of codes is a weight, by the form they are written in. */
export const quantisedModels: Readonly<Record<string, QuantisedModel>> = {
  "DequantizeLinear int8": decoded(INT8, [], {}),
  "DequantizeLinear uint8 with a zero point": decoded(UINT8, [], {}, [117]),
  "DequantizeLinear int8 per column": decoded(INT8, [6], { axis: -1 }, [0, 3, 250, 1, 0, 7]),
  "DequantizeLinear int8 in blocks": decoded(INT8, [2, 6], { axis: 0, block_size: 2 }),
  "DequantizeLinear int4": decoded(INT4, [], {}),
  "DequantizeLinear int4 per row": decoded(INT4, [4], { axis: 0 }, [0, 15, 2, 1]),
  "DequantizeLinear int4, an odd number": decoded(INT4, [], {}, undefined, [3, 5]),
  "DequantizeLinear uint4 in blocks": decoded(
    UINT4,
    [4, 3],
    { axis: 1, block_size: 2 },
    Array.from({ length: 12 }, (_, i) => (5 * i) % 16),
  ),
  "DequantizeLinear uint4 in blocks, the last one short": decoded(
    UINT4,
    [2, 6],
    { axis: 0, block_size: 3 },
    Array.from({ length: 12 }, (_, i) => (3 * i) % 16),
  ),
  "DequantizeLinear int16": decoded(INT16, [], {}),
  "DequantizeLinear uint16 per column": decoded(UINT16, [6], {}, [1, 20000, 3, 40000, 5, 6]),
  "DequantizeLinear float8 (E4M3)": decoded(FLOAT8E4M3FN, [], {}),
  "DequantizeLinear float8 (E5M2) per column": decoded(FLOAT8E5M2, [6], {}),
  QLinearConv: quantised(INT8, kernel, image, oneCode, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("QLinearConv", ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["yq"], {
        pads: [1, 1, 1, 1],
        strides: [2, 1],
      }),
      ...quantisedOutput,
    ],
    initialisers: [
      w,
      ...activations,
      number("ws", 0.004),
      codesOf("wz", [], INT8, [0]),
      codesInt32("b", [1000, -2000, 500, 0]),
    ],
  })),
  "QLinearConv per channel": quantised(INT8, kernel, image, oneCode, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("QLinearConv", ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["yq"]),
      ...quantisedOutput,
    ],
    initialisers: [
      w,
      ...activations,
      float("ws", [4], scales(4)),
      codesOf("wz", [4], INT8, [0, 0, 0, 0]),
      codesInt32("b", [1000, -2000, 500, 0]),
    ],
    opset: 13,
  })),
  QLinearMatMul: quantised(INT8, matrix, [3, 4], oneCode, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("QLinearMatMul", ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["yq"]),
      ...quantisedOutput,
    ],
    initialisers: [w, ...activations, number("ws", 0.01), codesOf("wz", [], INT8, [3])],
    opset: 10,
  })),
  "QLinearMatMul per column": quantised(INT8, matrix, [3, 4], oneCode, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("QLinearMatMul", ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["yq"]),
      ...quantisedOutput,
    ],
    initialisers: [w, ...activations, columnScales, columnZeros],
  })),
  QGemm: quantised(INT8, [6, 4], [3, 4], oneCode, (w) => ({
    nodes: [
      ...quantisedInput,
      own(
        makeNode("QGemm", ["xq", "xs", "xz", "w", "ws", "wz", "c", "ys", "yz"], ["yq"], {
          transB: 1,
          alpha: { float: 0.5 },
        }),
      ),
      ...quantisedOutput,
    ],
    initialisers: [
      w,
      ...activations,
      columnScales,
      codesOf("wz", [6], INT8, [0, 0, 0, 0, 0, 0]),
      codesInt32("c", [100, -200, 3000, 0, 5, -6]),
    ],
  })),
  MatMulInteger: quantised(INT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("MatMulInteger", ["xq", "w", "xz", "wz"], ["yi"]),
      makeNode("Cast", ["yi"], ["yf"], { to: DataType.FLOAT }),
      makeNode("Mul", ["yf", "xs"], ["y"]),
    ],
    initialisers: [w, ...activations, codesOf("wz", [], INT8, [5])],
  })),
  "MatMulInteger with an integer output": quantised(INT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("MatMulInteger", ["xq", "w", "xz"], ["yi"]),
      makeNode("Mul", ["yi", "two"], ["yd"]),
      makeNode("Cast", ["yd"], ["y"], { to: DataType.FLOAT }),
    ],
    initialisers: [w, ...activations, codesInt32("two", [2])],
  })),
  ConvInteger: quantised(INT8, kernel, image, rounding, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("ConvInteger", ["xq", "w", "xz"], ["yi"], { pads: [0, 1, 0, 1] }),
      makeNode("Cast", ["yi"], ["y"], { to: DataType.FLOAT }),
    ],
    initialisers: [w, ...activations],
  })),
  "dynamic quantisation": dynamic(number("ws", 0.01), codesOf("wz", [], INT8, [5])),
  "dynamic quantisation per column": dynamic(columnScales, columnZeros),
  QAttention: attention(number("ws", 0.01), codesOf("wz", [], INT8, [5])),
  "QAttention with a step a column": attention(
    float("ws", [12], scales(12)),
    codesOf("wz", [12], INT8, [3, 0, -3, 1, 2, 5, 3, 3, 0, 7, -9, 4]),
  ),
  MatMulIntegerToFloat: quantised(UINT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [
      ...quantisedInput,
      own(makeNode("MatMulIntegerToFloat", ["xq", "w", "xs", "ws", "xz", "wz", "b"], ["y"])),
    ],
    initialisers: [
      w,
      ...activations,
      number("ws", 0.01),
      codesOf("wz", [], UINT8, [120]),
      float("b", [6], wave(6)),
    ],
  })),
  DynamicQuantizeMatMul: quantised(UINT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [own(makeNode("DynamicQuantizeMatMul", ["x", "w", "ws", "wz"], ["y"]))],
    initialisers: [w, number("ws", 0.01), codesOf("wz", [], UINT8, [120])],
  })),
  "MatMulNBits, 4 bits": inBlocks(4, 32, "none", 21),
  "MatMulNBits, 4 bits, zero points": inBlocks(4, 48, "packed", 14),
  "MatMulNBits, 4 bits, a short block": inBlocks(4, 40, "packed", 17),
  "MatMulNBits, 8 bits": inBlocks(8, 32, "packed", 17),
  GatherBlockQuantized: quantised(UINT4, [7, 32], [3, 32], rounding, (w) => ({
    nodes: [
      makeNode("Cast", ["x"], ["xi"], { to: DataType.INT64 }),
      makeNode("ReduceMax", ["xi", "axes"], ["ids"], { keepdims: 0 }),
      own(
        makeNode("GatherBlockQuantized", ["w", "ids", "ws", "wz"], ["y"], {
          block_size: 16,
          gather_axis: 0,
          quantize_axis: 1,
        }),
      ),
    ],
    initialisers: [
      w,
      float("ws", [7, 2], scales(14)),
      codesOf(
        "wz",
        [7, 2],
        UINT4,
        wave(14).map((v) => Math.round(7 + 7 * v)),
      ),
      int64Tensor("axes", [1], [1]),
    ],
  })),
  "integers in constant arithmetic": quantised(INT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [
      makeNode("Cast", ["w"], ["wf"], { to: DataType.FLOAT }),
      makeNode("Sub", ["wf", "zero"], ["wc"]),
      makeNode("Mul", ["wc", "ws"], ["wd"]),
      makeNode("MatMul", ["x", "wd"], ["y"]),
    ],
    initialisers: [w, number("zero", 3), columnScales],
  })),
  "codes transposed before they are decoded": quantised(INT8, [6, 4], [3, 4], rounding, (w) => ({
    nodes: [
      makeNode("Transpose", ["w"], ["wt"]),
      makeNode("DequantizeLinear", ["wt", "ws"], ["d"], { axis: 1 }),
      makeNode("MatMul", ["x", "d"], ["y"]),
    ],
    initialisers: [w, columnScales],
  })),
  "codes reshaped before they are decoded per channel": quantised(INT8, [24], [3, 4], rounding, (w) => ({
    nodes: [
      makeNode("Reshape", ["w", "shape"], ["wt"]),
      makeNode("DequantizeLinear", ["wt", "ws"], ["d"], { axis: 1 }),
      makeNode("MatMul", ["x", "d"], ["y"]),
    ],
    initialisers: [w, columnScales, int64Tensor("shape", [2], [4, 6])],
  })),
  "a table of codes, rows decoded": quantised(INT8, [7, 5], [3, 2], rounding, (w) => ({
    nodes: [
      makeNode("Cast", ["x"], ["xi"], { to: DataType.INT64 }),
      makeNode("Gather", ["w", "xi"], ["rows"]),
      makeNode("DequantizeLinear", ["rows", "ws", "wz"], ["y"]),
    ],
    initialisers: [w, number("ws", 0.01), codesOf("wz", [], INT8, [4])],
  })),
  "codes under two scales": quantised(INT8, [4, 4], [3, 4], rounding, (w) => ({
    nodes: [
      makeNode("DequantizeLinear", ["w", "s1"], ["a"]),
      makeNode("DequantizeLinear", ["w", "s2", "wz"], ["b"], { axis: 0 }),
      makeNode("MatMul", ["x", "a"], ["h"]),
      makeNode("MatMul", ["h", "b"], ["y"]),
    ],
    initialisers: [
      w,
      number("s1", 0.01),
      float("s2", [4], scales(4)),
      codesOf("wz", [4], INT8, [1, 2, 3, 250]),
    ],
  })),
  "a scale that is computed while the model runs": quantised(INT8, matrix, [3, 4], rounding, (w) => ({
    nodes: [
      makeNode("ReduceMax", ["x"], ["s"], { keepdims: 0 }),
      makeNode("DequantizeLinear", ["w", "s"], ["d"]),
      makeNode("MatMul", ["x", "d"], ["y"]),
    ],
    initialisers: [w],
  })),
  "quantised operators in a row": quantised(INT8, [3, 3, 1, 1], image, 2 * oneCode, (w) => ({
    nodes: [
      ...quantisedInput,
      makeNode("QLinearConv", ["xq", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["c"]),
      own(makeNode("QLinearAdd", ["c", "ys", "yz", "xq", "xs", "xz", "ys", "yz"], ["a"])),
      own(makeNode("QLinearLeakyRelu", ["a", "ys", "yz", "ys", "yz"], ["l"], { alpha: { float: 0.25 } })),
      own(makeNode("QLinearSigmoid", ["a", "ys", "yz", "xs", "xz"], ["s"])),
      own(makeNode("QLinearMul", ["l", "ys", "yz", "s", "xs", "xz", "ys", "yz"], ["m"])),
      own(makeNode("QLinearConcat", ["ys", "yz", "m", "ys", "yz", "c", "ys", "yz"], ["k"], { axis: 1 })),
      own(makeNode("QLinearAveragePool", ["k", "ys", "yz", "ys", "yz"], ["p"], { kernel_shape: [2, 2] })),
      own(makeNode("QLinearGlobalAveragePool", ["p", "ys", "yz", "ys", "yz"], ["yq"])),
      ...quantisedOutput,
    ],
    initialisers: [w, ...activations, number("ws", 0.008), codesOf("wz", [], INT8, [0])],
  })),
};
