/** @file Tries chips in the browser, beside the page: draws faults, runs the network on onnxruntime-web. */
import * as ort from "onnxruntime-web/wasm";
import {
  openChips,
  openNetwork,
  shareRight,
  type BrowserMemory,
  type FlipChoice,
  type NetworkSnapshot,
  type PlanChoice,
  type ReceivedCodes,
} from "../../src/explorer/index.ts";

/** What the worker is told at its start. */
export interface ChipTask {
  /** Address of the folder with the files. */
  readonly base: string;
  readonly snapshot: NetworkSnapshot;
  readonly flips: FlipChoice | undefined;
  readonly plans: readonly PlanChoice[];
  readonly seed: number;
  readonly chips: number;
}

/** What it says. */
export type ChipReport =
  | { readonly kind: "clean"; readonly score: number; readonly samples: number }
  | { readonly kind: "chip"; readonly chip: number; readonly scores: readonly number[] }
  | { readonly kind: "failed"; readonly message: string };

const tell = (report: ChipReport) => postMessage(report);

async function fetched(base: string, name: string): Promise<Response> {
  const response = await fetch(new URL(name, base));
  if (!response.ok) throw new Error(`${name} is missing beside the page: build it anew.`);
  return response;
}

async function run({ base, snapshot, flips, plans, seed, chips }: ChipTask): Promise<void> {
  const memory = (await (await fetched(base, "memory.json")).json()) as BrowserMemory;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("runtime/", base).href;
  const model = new Uint8Array(await (await fetched(base, "model.onnx")).arrayBuffer());
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const samples = new ort.Tensor(
    "float32",
    new Float32Array(await (await fetched(base, "samples.bin")).arrayBuffer()),
    memory.samples.dims,
  );
  const score = async (received: readonly ReceivedCodes[]) => {
    const feeds = Object.fromEntries(
      received.map(({ input, type, dims, codes }) => [
        input,
        type === "int8"
          ? new ort.Tensor("int8", codes as Int8Array, dims)
          : new ort.Tensor("uint8", codes as Uint8Array, dims),
      ]),
    );
    const outputs = await session.run({ ...feeds, [memory.samples.input]: samples });
    return shareRight((await outputs[memory.output.name]!.getData()) as Float32Array, memory);
  };
  const opened = openChips(memory, openNetwork(snapshot, flips), plans, seed);
  tell({ kind: "clean", score: await score(opened.clean), samples: memory.samples.count });
  for (let chip = 0; chip < chips; chip++) {
    const scores: number[] = [];
    for (const received of opened.read(chip)) scores.push(await score(received));
    tell({ kind: "chip", chip, scores });
  }
}

addEventListener("message", ({ data }: MessageEvent<ChipTask>) => {
  run(data).catch((error: unknown) =>
    tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
