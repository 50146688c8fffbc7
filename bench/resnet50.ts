/** @file A network in the shape of ResNet-50 with folded normalisations and random weights (He initialisation). */
import { create } from "@bufbuild/protobuf";
import { ModelProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import {
  DataType,
  elementCount,
  floatTensor,
  makeNode,
  makeValueInfo,
  type OnnxModel,
} from "../src/onnx/index.ts";

/** Standard normal numbers by Box and Muller's method over a linear congruential generator; good enough for weights. */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Blocks of each stage and the width of their inner convolutions. */
const stages = [
  [3, 64],
  [4, 128],
  [6, 256],
  [3, 512],
] as const;

/**
 * 53 convolutions and a dense layer, 25.5 million weights at 1,000 classes.
 *
 * @param size height and width of the input, 224 in the original
 * @param width factor of all channel counts, 1 in the original
 */
export function resnet50(size = 224, classes = 1000, width = 1): OnnxModel {
  const next = normals(1);
  const nodes: NodeProto[] = [];
  const tensors: TensorProto[] = [];
  const tensor = (name: string, dims: number[], deviation: number): string => {
    const data = Float32Array.from({ length: elementCount(dims) }, () => deviation * next());
    tensors.push(floatTensor(name, dims, data));
    return name;
  };
  const conv = (
    x: string,
    name: string,
    from: number,
    to: number,
    kernel: number,
    stride = 1,
    gain = 1,
  ): string => {
    const deviation = gain * Math.sqrt(2 / (from * kernel * kernel));
    const weight = tensor(`${name}.weight`, [to, from, kernel, kernel], deviation);
    const pad = (kernel - 1) / 2;
    nodes.push(
      makeNode("Conv", [x, weight, tensor(`${name}.bias`, [to], 0.1)], [name], {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
      }),
    );
    return name;
  };
  const op = (type: string, inputs: string[], name: string, attributes = {}): string => {
    nodes.push(makeNode(type, inputs, [name], attributes));
    return name;
  };
  const relu = (x: string): string => op("Relu", [x], `${x}.relu`);

  let channels = Math.round(64 * width);
  let x = relu(conv("x", "conv1", 3, channels, 7, 2));
  x = op("MaxPool", [x], "pool1", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  stages.forEach(([blocks, base], s) => {
    const inner = Math.round(base * width);
    for (let b = 0; b < blocks; b += 1) {
      const name = `layer${s + 1}.${b}`;
      const stride = b === 0 && s > 0 ? 2 : 1;
      let y = relu(conv(x, `${name}.conv1`, channels, inner, 1));
      y = relu(conv(y, `${name}.conv2`, inner, inner, 3, stride));
      // A small last layer keeps the sums of residual blocks from growing, as a trained normalisation does.
      y = conv(y, `${name}.conv3`, inner, 4 * inner, 1, 1, 0.3);
      const skip = b === 0 ? conv(x, `${name}.downsample`, channels, 4 * inner, 1, stride) : x;
      x = relu(op("Add", [y, skip], `${name}.sum`));
      channels = 4 * inner;
    }
  });
  x = op("Flatten", [op("GlobalAveragePool", [x], "pooled")], "flat");
  const dense = tensor("fc.weight", [classes, channels], Math.sqrt(2 / channels));
  op("Gemm", [x, dense, tensor("fc.bias", [classes], 0.1)], "logits", { transB: 1 });
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name: "resnet50",
      node: nodes,
      initializer: tensors,
      input: [makeValueInfo("x", DataType.FLOAT, ["N", 3, size, size])],
      output: [makeValueInfo("logits", DataType.FLOAT, ["N", classes])],
    },
  }) as OnnxModel;
}
