/**
 * @file The explorer as static files, with the shipped network: nothing but a place to host them is needed. Campaigns
 * run in the browser, on onnxruntime-web.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { makePlan } from "../src/planning/index.ts";
import { sliceDataset } from "../src/data/index.ts";
import { bindInputs, inferLogits, modelIo, outputSize, settleBatching } from "../src/engine/index.ts";
import type { BrowserMemory } from "../src/explorer/index.ts";
import { hardenModel, serialiseModel, type CodesInitialiser } from "../src/onnx/index.ts";
import { planDecode } from "../src/simulation/index.ts";
import { snapshotOf } from "../src/server/snapshot.ts";
import type { Opened } from "../src/server/index.ts";
import { codesAsInputs } from "./codes-as-inputs.ts";

const root = join(import.meta.dirname, "..");

/** Samples that chips are judged on. */
const mostSamples = 300;

/** Builds the page into a folder, with a network that is stored in codes of a byte. */
export async function buildStatic(opened: Opened, folder: string): Promise<void> {
  await build({
    root: join(root, "web"),
    configFile: join(root, "web", "vite.config.ts"),
    mode: "static",
    logLevel: "warn",
    build: { outDir: folder, emptyOutDir: true },
  });
  const { assessment } = opened;
  const data = await settleBatching(
    assessment.judged.model,
    sliceDataset(opened.data!, 0, Math.min(mostSamples, opened.data!.count)),
  );
  const plan = await makePlan(assessment, { policy: "none", overhead: 0 });
  const decode = planDecode(assessment, plan);
  let stored: readonly CodesInitialiser[] = [];
  const hardened = hardenModel(
    assessment.judged,
    new Map(assessment.judged.tensors.map((tensor, t) => [tensor.name, decode[t]!])),
    "gather",
    (found) => {
      stored = found;
      return {};
    },
  );
  const codes = codesAsInputs(hardened, stored);
  const io = modelIo(assessment.judged.model);
  const bound = bindInputs(io, data);
  const [name, values] = Object.entries(bound.feeds(0, data.count))[0]!;
  const logits = await inferLogits(assessment.judged.model, data);
  const memory: BrowserMemory = {
    codes,
    samples: { input: name, count: data.count, dims: values.dims },
    output: { name: io.output, classes: outputSize(logits) },
    labels: Array.from(data.labels!.data),
  };
  const snapshot = snapshotOf({ ...opened, data });
  writeFileSync(join(folder, "network.json"), JSON.stringify(snapshot));
  writeFileSync(join(folder, "memory.json"), JSON.stringify(memory));
  writeFileSync(join(folder, "model.onnx"), serialiseModel(hardened));
  const samples = Float32Array.from(values.data as Float32Array);
  writeFileSync(join(folder, "samples.bin"), new Uint8Array(samples.buffer));
  const runtime = join(root, "node_modules", "onnxruntime-web", "dist");
  mkdirSync(join(folder, "runtime"), { recursive: true });
  for (const file of ["ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs"]) {
    cpSync(join(runtime, file), join(folder, "runtime", file));
  }
  // The bundler copies the runtime that its library may load from beside itself; the page names its own.
  for (const file of readdirSync(join(folder, "assets"))) {
    if (file.endsWith(".wasm")) rmSync(join(folder, "assets", file));
  }
}
