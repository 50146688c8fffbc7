/**
 * @file What the gradients of all weights cost: the time of tape and adjoint for one batch, in forward passes of the
 * same batch, with one thread; and the share of each where ten cotangents (one for each logit) use one tape.
 * `node bench/gradient.ts [--batch 32] [MODEL ...]`; without models, the networks in `test/fixtures` and `zoo`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { DataType } from "../src/onnx/tensor.ts";
import { parseModel } from "../src/onnx/model.ts";
import {
  adjointFeeds,
  gradientGraph,
  openSession,
  randomTensor,
  uniforms,
  type Feeds,
  type InferenceSession,
} from "../test/support/gradients.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: { type: "string", default: "32" } },
});

const networks = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".onnx"))
    .sort()
    .map((name) => join(folder, name));

/** Milliseconds of one run: the fastest of those within a second and a half, which other work on the machine disturbs least. */
async function milliseconds(session: InferenceSession, feeds: Feeds): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i += 1) await session.run(feeds);
  const end = performance.now() + 1500;
  while (times.length < 10 || performance.now() < end) {
    const start = performance.now();
    await session.run(feeds);
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

async function measure(path: string, batch: number): Promise<string> {
  const model = parseModel(readFileSync(path), path);
  const input = model.graph.input[0]!;
  const type = input.type?.value;
  const dims = type?.case === "tensorType" ? (type.value.shape?.dim ?? []) : [];
  const sample = dims.slice(1).map((d) => (d.value.case === "dimValue" ? Number(d.value.value) : 1));
  const next = uniforms(1);
  const feeds = { [input.name]: randomTensor([batch, ...sample], next) };
  const weights = model.graph.initializer
    .filter((t) => t.dataType === DataType.FLOAT && t.dims.length > 1)
    .map((t) => t.name);
  const graph = await gradientGraph(model, feeds, weights);
  const forward = await openSession(model);
  const tape = await openSession(graph.tape);
  const adjoint = await openSession(graph.adjoint);
  const values = await tape.run(feeds);
  const output = values[model.graph.output[0]!.name]!;
  const backward = await adjointFeeds(graph, values, randomTensor(output.dims, next));
  const once = await milliseconds(forward, feeds);
  const parts = [await milliseconds(tape, feeds), await milliseconds(adjoint, backward)] as const;
  for (const session of [forward, tape, adjoint]) await session.release();
  const row = [once, ...parts].map((t) => t.toFixed(2));
  const forwards = (cotangents: number): string => ((parts[0] / cotangents + parts[1]) / once).toFixed(2);
  return `| ${basename(path, ".onnx")} | ${sample.join("x")} | ${row.join(" | ")} | ${forwards(1)} | ${forwards(10)} |`;
}

const batch = Number(flags.batch);
console.log(
  `| network | input | forward, ms (batch ${batch}) | tape, ms | adjoint, ms | forwards, one cotangent | forwards each, ten cotangents |`,
);
console.log("|---|---|---|---|---|---|---|");
const root = join(import.meta.dirname, "..");
const paths =
  positionals.length > 0
    ? positionals
    : [...networks(join(root, "zoo")), ...networks(join(root, "test", "fixtures"))];
for (const path of paths) console.log(await measure(path, batch));
