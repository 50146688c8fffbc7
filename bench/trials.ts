/**
 * @file What a trial costs beside its inference: `npm run bench:trials -- [--images 2000] [NETWORK ...]`. A trial draws
 * the faults of a chip, decodes the weights, gives them to the runtime, runs the network on all images and judges its
 * answers. Inference alone is the same run of the same session. Processor time of one thread, the two taken in turns;
 * medians. Prints a Markdown table.
 */
import { parseArgs } from "node:util";
import { bindWeights, openMemoryReader, openTrialRunner } from "../src/engine/index.ts";
import { cleanWeights } from "../src/stored/index.ts";
import { median, smallNetworks, uniform, zooContext } from "./zoo.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { images: { type: "string" }, rounds: { type: "string" } },
});
const images = Number(flags.images ?? 2000);
const rounds = Number(flags.rounds ?? 15);
/** Share of the inference that the rest of a trial may cost at most. */
const aim = 0.15;

/** Processor milliseconds of some work. */
async function cost(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

console.log(
  "| network | thousand weights | images | inference, ms | trial, ms | more than inference | drawing and decoding | loading into the runtime |",
);
console.log("|---|---|---|---|---|---|---|---|");
for (const network of positionals.length > 0 ? positionals : smallNetworks) {
  const { context, prepared } = await zooContext(network, { images });
  const protections = [uniform(context, 0)];
  const runner = await openTrialRunner(context);
  const binder = await bindWeights(prepared, context.binder);
  const memory = openMemoryReader(context, "faults");
  const clean = prepared.tensors.map(cleanWeights);
  const times = {
    inference: [] as number[],
    trial: [] as number[],
    drawing: [] as number[],
    loading: [] as number[],
  };
  for (let round = -2; round < rounds; round++) {
    const trial = await cost(() => runner.run({ trial: round + 2, protections }));
    const drawing = await cost(async () => {
      memory.draw(round + 2, 0);
      memory.read(protections[0]!);
    });
    const loading = await cost(() => binder.load(clean));
    await binder.infer(context.data);
    const inference = await cost(() => binder.infer(context.data));
    if (round < 0) continue;
    times.trial.push(trial);
    times.drawing.push(drawing);
    times.loading.push(loading);
    times.inference.push(inference);
  }
  await runner.close();
  await binder.close();
  const [inference, trial] = [median(times.inference), median(times.trial)];
  const percent = (ms: number) => `${((100 * ms) / inference).toFixed(1)} %`;
  const more = percent(trial - inference);
  const weights = prepared.tensors.reduce((sum, t) => sum + t.count, 0) / 1000;
  console.log(
    `| ${network} | ${weights.toFixed(0)} | ${context.data.count} | ${inference.toFixed(1)} | ${trial.toFixed(1)} | ${trial > (1 + aim) * inference ? `**${more}**` : more} | ${percent(median(times.drawing))} | ${percent(median(times.loading))} |`,
  );
}
