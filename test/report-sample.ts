/** @file A made-up but plausible report for tests of pictures and pages: a LeNet in an oxide that leaks. */
import { numberFormat, symmetricFlips } from "../src/channel/index.ts";
import type { Comparison, CurvePoint } from "../src/planning/index.ts";
import type { InspectionRow } from "../src/assessment/index.ts";
import { builtInMeasure } from "../src/measure/index.ts";
import { parseDevice } from "../src/physics/index.ts";
import type { Plan, PlanTensor } from "../src/protect/index.ts";
import { deviceSection, lawSection, type ReportInput } from "../src/report/index.ts";

const sha256 = "3f".repeat(32);
const p = 0.1;

const layers = [
  {
    name: "conv1.weight",
    operator: "Conv",
    shape: [6, 1, 5, 5],
    norm: 0.62,
    g: 41,
    masks: [0xfc, 0xf8],
    extra: 40,
  },
  {
    name: "conv2.weight",
    operator: "Conv",
    shape: [16, 6, 5, 5],
    norm: 0.44,
    g: 6.3,
    masks: [0xf0, 0xf0],
    extra: 0,
  },
  {
    name: "fc1.weight",
    operator: "Gemm",
    shape: [120, 400],
    norm: 0.31,
    g: 0.021,
    masks: [0x80, 0],
    extra: 6100,
  },
  {
    name: "fc2.weight",
    operator: "Gemm",
    shape: [84, 120],
    norm: 0.36,
    g: 0.16,
    masks: [0xc0, 0xc0],
    extra: 0,
  },
  {
    name: "fc3.weight",
    operator: "Gemm",
    shape: [10, 84],
    norm: 0.52,
    g: 0.98,
    masks: [0xe0, 0xe0],
    extra: 0,
  },
];

const countOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Codes of Gaussian weights whose largest is 4.2 standard deviations. */
export function gaussianHistogram(count: number): Float64Array {
  const format = numberFormat("int8");
  const density = format.values.map((q) => (Math.abs(q) > 127 ? 0 : Math.exp(-((q / 30) ** 2) / 2)));
  const total = density.reduce((a, b) => a + b, 0);
  return density.map((d) => (d / total) * count);
}

export const sampleTensors: readonly InspectionRow[] = layers.map(({ name, operator, shape, norm, g }) => {
  const scale = norm / 127;
  return {
    name,
    role: "weight",
    operator,
    shape,
    count: countOf(shape),
    format: "int8",
    scale,
    infinityNorm: norm,
    driftSlope: 1 - 2 * p,
    driftOffset: -p * scale,
    driftExact: true,
    variance: ((p * (1 - p) * (4 ** 8 - 1)) / 3) * scale ** 2,
    runaway: 0,
    nonFinite: 0,
    topBitShare: 0.750011,
    jacobianMeanSquare: g,
    jacobianRelativeError: 0,
    method: "gradient",
    probes: 0,
    stoppedBy: null,
    score: g * scale ** 2 * 4 ** 7 * p * (1 - p),
  };
});

function planOf(): Plan {
  const bits = (mask: number) => mask.toString(2).replaceAll("0", "").length;
  const tensors: readonly PlanTensor[] = layers.map(({ name, shape, masks, extra }, i) => {
    const count = countOf(shape);
    const decoder = i === 2 ? "unbiased-affine" : "none";
    const parts = [
      { start: 0, count: extra, protectedMask: masks[0]!, decoder },
      { start: extra, count: count - extra, protectedMask: masks[1]!, decoder },
    ] as const;
    const flips = Array.from({ length: 8 }, () => p);
    return {
      name,
      count,
      format: "int8",
      p01: flips,
      p10: flips,
      segments: parts.filter((s) => s.count > 0),
    };
  });
  const storedBits = tensors.reduce((sum, t) => sum + 8 * t.count, 0);
  const protectedBits = tensors.reduce(
    (sum, t) => sum + t.segments.reduce((part, s) => part + s.count * bits(s.protectedMask), 0),
    0,
  );
  return {
    format: "qtaml-plan",
    version: 3,
    model: { name: "lenet.onnx", sha256 },
    storage: {
      format: "int8",
      granularity: "tensor",
      parameterFormat: "auto",
      biases: false,
      normalisation: false,
      quantisationParameters: false,
      integers: false,
      include: [],
      exclude: [],
    },
    policy: "tac",
    goal: { keep: 0.95, criterion: "top-1" },
    protection: "ideal",
    seed: 1,
    storedBits,
    protectedBits,
    overhead: protectedBits / storedBits,
    predicted: { noise: 1.9, drift: 0.4, marginalValue: 1.2e-6 },
    codebooks: [],
    shifts: [],
    tensors,
  };
}

export const samplePlan = planOf();

const clean = 0.918;
const target = 0.95 * clean;

/** An accuracy that rises from guessing to clean around an overhead. */
function point(overhead: number, middle: number, steepness: number): CurvePoint {
  const rise = (x: number) => 1 / (1 + Math.exp(-steepness * (Math.log(x + 0.02) - Math.log(middle + 0.02))));
  const accuracy = 0.13 + (clean - 0.13) * rise(overhead) ** 1.3;
  const half = 0.004 + 0.13 * (clean - accuracy) * (0.6 + accuracy);
  const kept = Math.min(1, Math.max(0, (accuracy - target) / 0.06 + 0.5));
  return {
    overhead,
    chips: 20,
    accuracy,
    low: accuracy - half,
    high: Math.min(1, accuracy + half),
    deviation: 2 * half,
    yield: kept,
    yieldLow: Math.max(0, kept - 0.2),
    yieldHigh: Math.min(1, kept + 0.2),
    percentile5: accuracy - 1.7 * half,
    nonFinite: 0,
  };
}

const budgets = [0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5];
const curve = (
  name: Comparison["policies"][number]["name"],
  middle: number,
  steepness: number,
  more: number[],
) => ({
  name,
  points: [...budgets, ...more].sort((a, b) => a - b).map((x) => point(x, middle, steepness)),
});

export const sampleComparison: Comparison = {
  clean,
  measure: builtInMeasure("top-1").description,
  p,
  keep: 0.95,
  target,
  chips: 20,
  samples: 2000,
  seed: 1,
  model: { name: "lenet.onnx", sha256 },
  policies: [
    { name: "none", points: [point(0, 0.2, 3)] },
    { name: "mean-correction", points: [{ ...point(0, 0.2, 3), accuracy: 0.24, low: 0.21, high: 0.27 }] },
    {
      name: "everything",
      points: [{ ...point(1, 0, 30), accuracy: clean, low: clean, high: clean, yield: 1 }],
    },
    curve("uniform-msp", 0.13, 4.2, [0.125, 0.375, 0.29, 0.31]),
    curve("magnitude", 0.06, 3.1, [0.18, 0.17]),
    curve("random", 0.62, 3.4, []),
    curve("tac", 0.016, 3.3, [0.07, 0.08]),
  ],
  overheadAtTarget: { "uniform-msp": 0.291, magnitude: 0.181, tac: 0.0774, random: 1 },
  overheadInterval: {
    "uniform-msp": [0.27, 0.32],
    magnitude: [0.16, 0.21],
    tac: [0.071, 0.085],
    random: [1, 1],
  },
  uniformWholeLevel: 0.375,
  ratio: 3.76,
  ratioInterval: [3.3, 4.3],
  saturationRatio: 3.4,
  predicted: {
    noise: 2.1,
    firstOrder: { "uniform-msp": 0.27, tac: 0.08 },
    gaussian: { overhead: { "uniform-msp": 0.28, tac: 0.079 }, ratio: 3.5 },
  },
};

export const sampleDevice = parseDevice({
  name: "leaky gate oxide",
  barrier: { material: "SiO2", thicknessNm: 2.67 },
  holdS: 0.064,
  energyEv: 0.1,
  biasV: 0.6,
  rate: "discrete-state",
});

export const sampleLaw = lawSection({
  tensor: "fc1.weight",
  format: numberFormat("int8"),
  step: 0.31 / 127,
  histogram: gaussianHistogram(48_000),
  flips: symmetricFlips(p, 8),
  draws: 200_000,
  seed: 1,
});

export const sampleReport: ReportInput = {
  title: "LeNet in a leaky gate oxide",
  model: { name: "lenet.onnx", sha256 },
  device: deviceSection(sampleDevice),
  tensors: sampleTensors,
  law: sampleLaw,
  plan: samplePlan,
  comparison: sampleComparison,
  chance: 0.1,
  environment: {
    version: "0.1.0",
    created: "2026-01-01T00:00:00.000Z",
    commands: ["qtaml compare lenet.onnx --data fashion.npz --p 0.1 --keep 0.95 --seed 1"],
    notes: { runtime: "Node 24, onnxruntime 1.30" },
  },
};
