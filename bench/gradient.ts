/**
 * @file What gradients cost, with one thread, in forward passes: those of all weights for a batch of 32 as the gradient
 * graph gives them, and their squared norms for one sample, which is what the Jacobian takes.
 * `npm run bench:gradient -- [--batch 32] [MODEL ...]`; `resnet50` is a
 * network in that shape; without models, the networks in `zoo`.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { buildGradientGraph, type GradientGraph } from "../src/gradient/index.ts";
import { DataType } from "../src/onnx/tensor.ts";
import { parseModel, type OnnxModel } from "../src/onnx/model.ts";
import { resnet50 } from "./resnet50.ts";
import { smallNetworks, zooFolder } from "./zoo.ts";
import {
  adjointFeeds,
  openSession,
  probe,
  randomTensor,
  runOnce,
  uniforms,
  type Feeds,
} from "../test/support/gradients.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: { type: "string", default: "32" } },
});

/** Forward passes that gradients may cost. */
const aim = 5;

/**
 * Milliseconds of processor time of one run: the least of several batches of runs, which other work on the machine
 * disturbs least.
 */
async function milliseconds(model: OnnxModel | undefined, feeds: Feeds): Promise<number> {
  if (model === undefined) return 0;
  const session = await openSession(model);
  const start = performance.now();
  await session.run(feeds);
  const runs = Math.max(1, Math.min(20, Math.ceil(20 / (performance.now() - start))));
  let least = Infinity;
  const end = performance.now() + 1500;
  for (let batch = 0; batch < 5 || performance.now() < end; batch += 1) {
    const before = process.cpuUsage();
    for (let i = 0; i < runs; i += 1) await session.run(feeds);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000 / runs);
  }
  await session.release();
  return least;
}

interface Cost {
  readonly forward: number;
  /** Tape and prelude: once a sample. */
  readonly once: number;
  /** Once a cotangent. */
  readonly adjoint: number;
}

async function cost(model: OnnxModel, feeds: Feeds, graph: GradientGraph): Promise<Cost> {
  const values = await runOnce(graph.tape, feeds);
  const output = values[model.graph.output[0]!.name]!;
  const all = { ...values, ...feeds };
  const seed = randomTensor(output.dims, uniforms(2));
  const pick = (names: readonly string[]): Feeds =>
    Object.fromEntries(names.map((name) => [name, all[name]!]));
  return {
    forward: await milliseconds(model, feeds),
    once:
      (await milliseconds(graph.tape, feeds)) + (await milliseconds(graph.prelude, pick(graph.preludeTaped))),
    adjoint: await milliseconds(graph.adjoint, await adjointFeeds(graph, all, seed)),
  };
}

async function measure(path: string, batch: number): Promise<string> {
  const model = path === "resnet50" ? resnet50() : parseModel(readFileSync(path), path);
  const input = model.graph.input[0]!;
  const type = input.type?.value;
  const dims = type?.case === "tensorType" ? (type.value.shape?.dim ?? []) : [];
  const sample = dims.slice(1).map((d) => (d.value.case === "dimValue" ? Number(d.value.value) : 1));
  const weights = model.graph.initializer.filter((t) => t.dataType === DataType.FLOAT && t.dims.length > 1);
  const tensors = weights.map((t) => t.name);
  const output = model.graph.output[0]!.name;
  const feedsOf = (count: number): Feeds => ({
    [input.name]: randomTensor([count, ...sample], uniforms(1)),
  });
  const whole = await cost(
    model,
    feedsOf(batch),
    buildGradientGraph(model, { output, tensors, probed: await probe(model, feedsOf(batch)) }),
  );
  const squares = new Map(weights.map((t) => [t.name, t.dims.length === 4 ? 0 : 1]));
  const norms = await cost(
    model,
    feedsOf(1),
    buildGradientGraph(model, { output, tensors, squares, probed: await probe(model, feedsOf(1)) }),
  );
  const times = ({ forward, once, adjoint }: Cost): string =>
    [forward, once, adjoint].map((t) => t.toFixed(2)).join(" | ");
  const forwards = ({ forward, once, adjoint }: Cost, cotangents: number): string => {
    const passes = (once / cotangents + adjoint) / forward;
    return passes > aim ? `**${passes.toFixed(1)}**` : passes.toFixed(1);
  };
  return `| ${basename(path, ".onnx")}${batch === Number(flags.batch) ? "" : `, batch of ${batch}`} | ${times(whole)} | ${forwards(whole, 1)} | ${forwards(whole, 10)} | ${times(norms)} | ${forwards(norms, 1)} | ${forwards(norms, 10)} |`;
}

const batch = Number(flags.batch);
console.log(
  `| network | forward, ms | tape | adjoint | forwards, one cotangent | forwards each, ten | forward, one sample, ms | tape | norms | forwards, one cotangent | forwards each, ten |`,
);
console.log("|---|---|---|---|---|---|---|---|---|---|---|");
const fashion = smallNetworks.filter((name) => !name.startsWith("watch"));
const paths = positionals.length > 0 ? positionals : fashion.map((name) => join(zooFolder, `${name}.onnx`));
for (const path of paths) console.log(await measure(path, batch));
if (positionals.length === 0) console.log(await measure("resnet50", 1));
