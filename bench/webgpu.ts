/**
 * @file Chips on a GPU against chips on one core: `npm run bench:webgpu -- [NETWORK ...]`. Wall milliseconds a chip,
 * medians; needs a GPU that the runtime's WebGPU provider can use. Prints a Markdown table.
 */
import { inlineExecutor, type TrialContext } from "../src/engine/index.ts";
import { median, uniform, zooContext } from "./zoo.ts";

const networks = process.argv.slice(2);
const chips = 12;

async function time(context: TrialContext) {
  const executor = await inlineExecutor(context);
  const protections = [uniform(context, 0xc0)];
  const times: number[] = [];
  const right: number[] = [];
  for (let trial = -2; trial < chips; trial++) {
    const start = performance.now();
    const [outcome] = await executor.run([{ trial: trial + 2, protections }]);
    if (trial < 0) continue;
    times.push(performance.now() - start);
    right.push(outcome!.tallies[0]!.answers!.right);
  }
  await executor.close();
  return { ms: median(times), right };
}

console.log(
  "| network | images | one core, ms a chip | GPU, ms a chip | times | largest difference in right answers |",
);
console.log("|---|---|---|---|---|---|");
for (const network of networks.length > 0
  ? networks
  : ["lenet", "resnet", "transformer", "resnet18", "vgg16"]) {
  const { context } = await zooContext(network, { images: /\d/.test(network) ? 500 : 2000 });
  const cpu = await time(context);
  const gpu = await time({ ...context, provider: "webgpu" });
  const difference = Math.max(...cpu.right.map((right, i) => Math.abs(right - gpu.right[i]!)));
  console.log(
    `| ${network} | ${context.data.count} | ${cpu.ms.toFixed(0)} | ${gpu.ms.toFixed(0)} | ${(cpu.ms / gpu.ms).toFixed(1)} | ${difference === 0 ? "0" : `**${difference}**`} |`,
  );
}
