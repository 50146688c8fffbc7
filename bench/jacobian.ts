/**
 * @file What the Jacobian of a whole network costs, as `qtaml inspect --data` measures it: a network in the shape of
 * ResNet-50 over 16 images, and those of the zoo over 64. `npm run bench:jacobian -- [--threads 2] [NETWORK ...]`; each
 * network is measured in a process of its own, so that its memory is told.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { parseDataset, singleInput, type Dataset } from "../src/data/index.ts";
import { measureJacobian } from "../src/engine/index.ts";
import { parseModel, prepareModel, type OnnxModel } from "../src/onnx/index.ts";
import { resnet50 } from "./resnet50.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: "string" }, one: { type: "boolean" } },
});
const threads = Number(flags.threads ?? availableParallelism());
const zoo = join(import.meta.dirname, "..", "zoo");

function load(name: string): { model: OnnxModel; data: Dataset } {
  if (name !== "resnet50") {
    const path = join(zoo, "fashion-mnist-calibration-256.npz");
    return {
      model: parseModel(readFileSync(join(zoo, `${name}.onnx`)), name),
      data: parseDataset(readFileSync(path), path),
    };
  }
  const [count, size] = [16, 3 * 224 * 224];
  let state = 1;
  const noise = Float32Array.from({ length: count * size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return { model: resnet50(), data: singleInput(count, [3, 224, 224], noise) };
}

async function measure(name: string): Promise<string> {
  const { model, data } = load(name);
  const prepared = prepareModel(model);
  const samples = Math.min(64, data.count);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const found = await measureJacobian(prepared, data, { samples, threads });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const weights = prepared.tensors.reduce((sum, t) => sum + t.count, 0) / 1e6;
  const probes = found[0]!.probes;
  const error = Math.max(...found.map((t) => t.standardError / t.squaredNorm));
  return [
    "",
    name,
    weights.toFixed(2),
    samples,
    probes === 0 ? "every logit" : `${probes} probes a sample`,
    `${(100 * error).toFixed(0)} %`,
    seconds.toFixed(1),
    ((user + system) / 1e6).toFixed(1),
    (process.resourceUsage().maxRSS / 2 ** 20).toFixed(2),
    "",
  ]
    .join(" | ")
    .trim();
}

const fashion = readdirSync(zoo)
  .filter((file) => file.endsWith(".onnx"))
  .map((file) => basename(file, ".onnx"))
  .filter((name) => !name.includes("watch"))
  .sort();
if (flags.one === true) console.log(await measure(positionals[0]!));
else {
  console.log(
    `| network | million weights | samples | seeds | largest relative standard error | seconds, ${threads} threads | processor seconds | peak memory, GiB |`,
  );
  console.log("|---|---|---|---|---|---|---|---|");
  for (const name of positionals.length > 0 ? positionals : ["resnet50", ...fashion]) {
    const args = [import.meta.filename, "--one", "--threads", String(threads), name];
    const { stdout } = spawnSync(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    process.stdout.write(stdout);
  }
}
