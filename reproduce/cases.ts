/** @file What is measured: networks, data sets, flip probabilities, targets. */

import type { Granularity } from "../src/onnx/index.ts";

/** A trained network with data to judge it by. */
export interface Subject {
  readonly name: string;
  readonly family: string;
  readonly data: "Fashion-MNIST" | "smartwatch";
  readonly model: string;
  /** Labelled inputs that the network was not trained on: some are judged, others calibrate, without their labels. */
  readonly test: string;
  /** Unlabelled inputs from the training set. */
  readonly trained: string;
  /** The published setting of the family: 0.10 for convolutional networks, 0.05 for transformer encoders. */
  readonly p: number;
  /** The published setting of the other kind of network. */
  readonly otherP: number;
  /** A third, lower flip probability. */
  readonly lowP: number;
  /** Chips a point; more where they differ more. */
  readonly chips: number;
  /** Test samples a chip is judged on: the first ones. */
  readonly samples: number;
  /** Test samples after these whose inputs calibrate and predict, without their labels. */
  readonly calibrationInputs: number;
  /** Draws of Gaussian errors a budget. */
  readonly draws: number;
  /** Depthwise convolutions lose accuracy to int8 when a whole tensor shares one step; the others do not. */
  readonly granularity: Granularity;
}

const families = [
  { family: "LeNet-like", file: "lenet", p: 0.1, otherP: 0.05, lowP: 0.03, granularity: "tensor" },
  { family: "VGG-like", file: "vgg", p: 0.1, otherP: 0.05, lowP: 0.03, granularity: "tensor" },
  { family: "ResNet-like", file: "resnet", p: 0.1, otherP: 0.05, lowP: 0.03, granularity: "tensor" },
  { family: "MobileNetV2-like", file: "mobilenet", p: 0.1, otherP: 0.05, lowP: 0.03, granularity: "channel" },
  {
    family: "transformer encoder",
    file: "transformer",
    p: 0.05,
    otherP: 0.1,
    lowP: 0.02,
    granularity: "tensor",
  },
] as const;

const dataSets = [
  {
    data: "Fashion-MNIST",
    prefix: "",
    test: "zoo/fashion-mnist-test-2000.npz",
    trained: "zoo/fashion-mnist-calibration-256.npz",
    chips: 20,
  },
  {
    data: "smartwatch",
    prefix: "watch-",
    test: "zoo/watch-test-1008.npz",
    trained: "zoo/watch-calibration-256.npz",
    chips: 40,
  },
] as const;

/** Test samples a chip is judged on, inputs that calibrate, and draws of Gaussian errors a budget. */
export const effort = { samples: 500, calibrationInputs: 256, draws: 24 } as const;
/** The same where a chip costs seconds. */
export const wideEffort = { chips: 10, samples: 200, calibrationInputs: 64, draws: 8 } as const;

/** Five families on two data sets. */
export const subjects: readonly Subject[] = dataSets.flatMap(({ prefix, ...source }) =>
  families.map(({ file, ...family }) => {
    const name = `${prefix}${file}`;
    return { name, model: `zoo/${name}.onnx`, ...source, ...family, ...effort };
  }),
);

/** Networks of eleven and fifteen million weights, at the published target only. */
export const wide: readonly Subject[] = [
  { family: "ResNet-18", name: "resnet18" },
  { family: "VGG-16", name: "vgg16" },
].map(({ family, name }) => {
  const [fashion] = subjects;
  return { ...fashion!, ...wideEffort, family, name, model: `zoo/${name}.onnx`, granularity: "channel" };
});

/** Shares of the clean accuracy to keep. The first is the published one. */
export const keeps = [0.95, 0.9] as const;

/** The two families that differ most, and the flip probabilities they are swept over. */
export const sweep = {
  names: ["lenet", "vgg"],
  p: [1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2],
} as const;

/** Budgets at which all policies are tried. */
export const budgets = [0, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5] as const;

export const seed = 0;
