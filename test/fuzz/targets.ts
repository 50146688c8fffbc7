/** @file Everything of qtaml that reads a file from outside, as the commands use it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assess, inspect, survey } from "../../src/assessment/index.ts";
import { makePlan } from "../../src/planning/index.ts";
import { symmetricFlips } from "../../src/channel/index.ts";
import { hardenByPlan } from "../../src/simulation/index.ts";
import { readDevice, readModel, readModelOrWeights, readPlan, toJson } from "../../src/cli/files.ts";
import {
  formatNpy,
  readDataset,
  type Constant,
  type Dataset,
  type SampleArray,
} from "../../src/data/index.ts";
import { modelIo } from "../../src/engine/index.ts";
import { serialiseModel, DataType, elementCount, type OnnxModel } from "../../src/onnx/index.ts";
import { evaluateDevice } from "../../src/physics/index.ts";
import { byteMutators, type Mutator } from "./bytes.ts";
import { graphMutators } from "./graph.ts";
import { protobufMutators } from "./protobuf.ts";
import type { Target } from "./run.ts";
import { idxSeeds, modelSeeds, npySeeds, npzSeeds, safetensorsSeeds } from "./seeds.ts";
import { textMutators } from "./text.ts";
import { zipMutators } from "./zip.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Writes a file for a reader that takes a path. */
function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** What models with external data point to. */
written("weights.bin", new Uint8Array(new Float32Array(64).fill(0.25).buffer));

/** Computes a value once. */
function once<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}

const flips = (bits: number) => symmetricFlips(0.1, bits);

/** Reads, finds, quantises, plans without a Jacobian, and writes the hardened model. */
async function throughModel(bytes: Uint8Array): Promise<void> {
  const assessment = await assess(readModel(written("mutant.onnx", bytes)), { flips });
  const plan = await makePlan(assessment, { policy: "magnitude", overhead: 0.2 });
  serialiseModel(hardenByPlan(assessment, plan));
}

/** Zeros for every input of a model, as many as a small call takes. */
function zeros(model: OnnxModel): Dataset {
  const constants = new Map<string, Constant>();
  const inputs = new Map<string, SampleArray>();
  modelIo(model).inputs.forEach(({ name, elementType, dims = [] }, i) => {
    if (i > 0) {
      constants.set(name, { fill: 0 });
      return;
    }
    const sizes = dims.slice(1, 6).map((d) => (typeof d === "number" ? Math.min(d, 64) : 1));
    const sample = elementCount(sizes) > 100_000 ? [1] : sizes;
    const size = sample.reduce((a, b) => a * b, 2);
    const data = elementType === DataType.INT64 ? new BigInt64Array(size) : new Float32Array(size);
    inputs.set(name, { dims: sample, data });
  });
  return { count: 2, inputs, labels: undefined, constants };
}

/** The same with inputs: the runtime is handed what passes the checks. */
async function throughRuntime(bytes: Uint8Array): Promise<void> {
  const file = readModel(written("mutant.onnx", bytes));
  const calibration = zeros(file.model);
  const assessment = await assess(file, { flips, calibration, jacobian: { samples: 2, seed: 0 } });
  const plan = await makePlan(assessment, { policy: "tac", overhead: 0.2 });
  serialiseModel(hardenByPlan(assessment, plan));
}

/** Counts what the memory holds of a file of weights. */
function throughWeights(bytes: Uint8Array): void {
  inspect(survey(readModelOrWeights(written("mutant.safetensors", bytes)), { flips }));
}

/** Four by four pixels. */
const png = Uint8Array.from(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAP0lEQVR4nAE0AMv/AAA8eChkoFCMyHi08AANSYU1ca1dmdWFwf0AGlaSQn66aqbiks4KACdjn0+Lx3ez75/bF04mGCkuxDD7AAAAAElFTkSuQmCC",
    "base64",
  ),
);

/** One pixel. */
const gif = Uint8Array.from(
  Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64"),
);

/** A folder of classes with one picture each; the first is the given one. */
function imageFolder(bytes: Uint8Array): string {
  const place = join(folder, "pictures");
  for (const name of ["cat", "dog"]) mkdirSync(join(place, name), { recursive: true });
  writeFileSync(join(place, "cat", "mutant.png"), bytes);
  writeFileSync(join(place, "dog", "sound.png"), png);
  return place;
}

/** Three samples without labels. */
const pictures = written("pictures.npy", formatNpy({ dims: [3, 2], data: new Float32Array(6) }));

const text = (...files: string[]) => once(() => files.map((f) => new TextEncoder().encode(f)));

const device = `name: fuzz
barrier:
  material: SiO2
  thicknessNm: 2.5
energyEv: 0.1
holdS: 0.064
attemptHz: 1.0e13
transmission: wkb
rate: discrete-state
flip: telegraph
`;

const layered = `barrier:
  layers:
    - { material: SiO2, thicknessNm: 1.2 }
    - { material: HfO2, thicknessNm: 2, barrierEv: 1.5 }
biasV: 0.5
holdS: 1
`;

const plan = toJson({
  format: "qtaml-plan",
  version: 1,
  model: { name: "m.onnx", sha256: "0".repeat(64) },
  storage: { format: "int8", granularity: "tensor" },
  policy: "tac",
  goal: { budget: 0.5 },
  protection: "ideal",
  seed: 0,
  storedBits: 32,
  protectedBits: 6,
  overhead: 6 / 32,
  predicted: { noise: 1, drift: null, marginalValue: 0.5 },
  tensors: [
    {
      name: "w",
      count: 4,
      format: "int8",
      p01: Array.from({ length: 8 }, () => 0.1),
      p10: Array.from({ length: 8 }, () => 0.1),
      segments: [
        { start: 0, count: 2, protectedMask: 192, decoder: "none" },
        { start: 2, count: 2, protectedMask: 128, decoder: "unbiased-affine" },
      ],
    },
  ],
});

const binary = (...special: readonly (readonly Mutator[])[]): Mutator[] => [
  ...byteMutators,
  ...special.flat(),
];

/** The targets. Their order is part of a mutant's address: add at the end. */
export const targets: readonly Target[] = [
  {
    name: "model",
    seeds: once(modelSeeds),
    mutators: binary(protobufMutators, protobufMutators, ...Array.from({ length: 8 }, () => graphMutators)),
    run: throughModel,
  },
  {
    name: "npy",
    seeds: once(npySeeds),
    mutators: binary(textMutators),
    run: (b) => readDataset({ data: [written("mutant.npy", b)], limit: 1000 }),
  },
  {
    name: "npz",
    seeds: once(npzSeeds),
    mutators: binary(zipMutators, zipMutators),
    run: (b) => readDataset({ data: [written("mutant.npz", b)] }),
  },
  {
    name: "plan",
    seeds: text(plan),
    mutators: binary(textMutators, textMutators),
    run: (b) => readPlan(written("plan.json", b)),
  },
  {
    name: "device",
    seeds: text(device, layered),
    mutators: binary(textMutators, textMutators),
    run: (b) => evaluateDevice(readDevice(written("device.yaml", b))),
  },
  {
    name: "idx",
    seeds: once(idxSeeds),
    mutators: binary(),
    run: (b) => readDataset({ data: [written("mutant-idx3-ubyte", b)] }),
  },
  {
    name: "csv",
    seeds: text("a,b,y\n1,2.5,cat\n-3,4e-2,dog\n0,0,cat\n", "1;2;0\n3;4;1\n", '"a ""b""",y\r\n1,0\r\n'),
    mutators: binary(textMutators, textMutators),
    run: (b) => readDataset({ data: [written("mutant.csv", b)], labelColumn: "-1" }),
  },
  {
    name: "labels",
    seeds: text("0\n1\n2\n", "file,label\na.png,cat\nb.png,dog\nc.png,cat\n"),
    mutators: binary(textMutators, textMutators),
    run: (b) => readDataset({ data: [pictures], labels: written("mutant.csv", b) }),
  },
  {
    name: "images",
    seeds: once(() => [png, gif]),
    mutators: binary(),
    run: (b) => readDataset({ data: [imageFolder(b)], preprocessing: "{resize: [4, 4], colour: grey}" }),
  },
  {
    name: "preprocessing",
    seeds: text(
      "resize: 8\ncrop: [4, 4]\nscale: 0.00392\nmean: [0.4, 0.5, 0.6]\nstd: 0.2\ncolour: rgb\nclasses: [cat, dog]\n",
      JSON.stringify({
        do_resize: true,
        size: { height: 8, width: 8 },
        crop_size: 4,
        do_normalize: true,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        resample: 2,
      }),
    ),
    mutators: binary(textMutators, textMutators),
    run: (b) => readDataset({ data: [imageFolder(png)], preprocessing: written("mutant.yaml", b) }),
  },
  {
    name: "safetensors",
    seeds: once(safetensorsSeeds),
    mutators: binary(textMutators, textMutators),
    run: throughWeights,
  },
  {
    name: "running",
    seeds: once(modelSeeds),
    mutators: [...protobufMutators, ...Array.from({ length: 8 }, () => graphMutators).flat()],
    run: throughRuntime,
  },
];
