/** @file What is measured: networks, data sets, flip probabilities, targets. */

import type { Granularity } from "../src/onnx/index.ts";

/** A trained network with data to judge it by. */
export interface Subject {
  readonly name: string;
  readonly family: string;
  readonly data: "Fashion-MNIST" | "smartwatch";
  readonly model: string;
  readonly test: string;
  /** Unlabelled inputs from the training set. */
  readonly calibration: string;
  /** The published setting of the family: 0.10 for convolutional networks, 0.05 for transformer encoders. */
  readonly p: number;
  /** A second, lower flip probability. */
  readonly lowP: number;
  /** Depthwise convolutions lose accuracy to int8 when a whole tensor shares one step; the others do not. */
  readonly granularity: Granularity;
}

const families = [
  { family: "LeNet-like", file: "lenet", p: 0.1, lowP: 0.03, granularity: "tensor" },
  { family: "VGG-like", file: "vgg", p: 0.1, lowP: 0.03, granularity: "tensor" },
  { family: "ResNet-like", file: "resnet", p: 0.1, lowP: 0.03, granularity: "tensor" },
  { family: "MobileNetV2-like", file: "mobilenet", p: 0.1, lowP: 0.03, granularity: "channel" },
  { family: "transformer encoder", file: "transformer", p: 0.05, lowP: 0.02, granularity: "tensor" },
] as const;

const dataSets = [
  {
    data: "Fashion-MNIST",
    prefix: "",
    test: "zoo/fashion-mnist-test-2000.npz",
    calibration: "zoo/fashion-mnist-calibration-256.npz",
  },
  {
    data: "smartwatch",
    prefix: "watch-",
    test: "zoo/watch-test-1008.npz",
    calibration: "zoo/watch-calibration-256.npz",
  },
] as const;

/** Five families on two data sets. */
export const subjects: readonly Subject[] = dataSets.flatMap(({ data, prefix, test, calibration }) =>
  families.map(({ family, file, p, lowP, granularity }) => {
    const name = `${prefix}${file}`;
    return { name, family, data, model: `zoo/${name}.onnx`, test, calibration, p, lowP, granularity };
  }),
);

/** Shares of the clean accuracy to keep. The first is the published one. */
export const keeps = [0.95, 0.9] as const;

/** The two families that differ most, and the flip probabilities they are swept over. */
export const sweep = {
  names: ["lenet", "vgg"],
  p: [1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2],
} as const;

/** Budgets at which all policies are tried. */
export const budgets = [0, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4] as const;

/** Test samples a chip is judged on, and chips a point. */
export const samples = 500;
export const chips = 20;
export const seed = 0;
