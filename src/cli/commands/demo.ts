/** @file `qtaml demo`: the whole story on a shipped network and shipped images. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assess, flipLaw, inspect, type Assessment } from "../../assessment/index.ts";
import { compare, planToKeep, type Comparison } from "../../planning/index.ts";
import { hardenByPlan, planProtection, summarise } from "../../simulation/index.ts";
import { serialiseModel } from "../../onnx/index.ts";
import { readDataset, type Dataset } from "../../data/index.ts";
import { evaluateDevice, type Device } from "../../physics/index.ts";
import type { Plan } from "../../protect/index.ts";
import {
  formatCount,
  formatNumber,
  formatPercent,
  formatSeconds,
  formatTimes,
  renderFigures,
  renderReport,
} from "../../report/index.ts";
import { checkOutput, readDevice, readModel, toJson, writeWhole } from "../files.ts";
import { say, sayJson, warn, type Manner } from "../output.ts";
import { openProgress, type Progress } from "../progress.ts";
import { comparisonTable, resultWords } from "./compare.ts";
import { inspectionTable } from "./inspect.ts";
import { planAccount } from "./plan.ts";
import { collectReport } from "./report.ts";
import { withSimulation } from "./shared.ts";

/** Flags of `qtaml demo`. */
export interface DemoFlags extends Manner {
  readonly output: string;
  /** Folder for the pictures as SVG files. */
  readonly figures?: string | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
}

/** Prints a line of the account. */
type Teller = (text?: string) => void;

/** With `--json` the account is left out: standard output is the comparison alone. */
const tellerOf = (flags: Manner): Teller => (flags.json === true ? () => undefined : say);

const zoo = fileURLToPath(new URL("../../../zoo/", import.meta.url));
const keep = 0.95;
/** Chips a point, and test images a chip: what two cores do within the minute. */
const chips = 20;
const images = 1000;
const budgets = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5];
const planningChips = 30;

function tellDevice(device: Device, tell: Teller): void {
  const { transmission, rate, p01, p10, warnings } = evaluateDevice(device);
  tell(`1. The memory (zoo/thin-oxide.yaml): ${device.name ?? "a device"}.`);
  tell(
    `   An electron passes the barrier with probability ${formatNumber(transmission)}; ${formatNumber(rate)} electrons a second do.`,
  );
  tell(
    `   A stored bit flips within ${formatNumber(device.holdS)} s with p01 = ${formatNumber(p01)}, p10 = ${formatNumber(p10)}.`,
  );
  warn(warnings);
  tell();
}

function tellNetwork(assessment: Assessment, tell: Teller): void {
  const weights = assessment.memory.reduce((sum, t) => sum + t.count, 0);
  tell(
    `2. The network (zoo/lenet.onnx): ${formatCount(weights)} weights in ${assessment.memory.length} tensors, stored as ${[...new Set(assessment.memory.map((t) => t.format.name))].join(", ")}.`,
  );
  tell(
    "   What the flips do to a weight w as it is read, and how much the outputs depend on it (256 unlabelled images):",
  );
  tell();
  tell(inspectionTable(inspect(assessment)));
  tell();
}

/** Plans on unlabelled calibration images: the least overhead that keeps 95 % of the expected accuracy. */
async function planOnCalibration(
  assessment: Assessment,
  calibration: Dataset,
  flags: DemoFlags,
  progress: Progress,
): Promise<Plan> {
  const { seed, threads } = flags;
  const tell = tellerOf(flags);
  const plan = await withSimulation(assessment, calibration, { seed, threads }, (simulation) =>
    planToKeep(assessment, simulation, {
      policy: "tac",
      keep,
      chips: planningChips,
      seed,
      onProgress: (done, total) => progress.update("planning", done, total),
    }),
  );
  progress.stop();
  tell(
    `3. The plan (no labels used): protect the bits that matter, so that ${formatPercent(keep)} of the accuracy stays.`,
  );
  tell();
  tell(planAccount(plan));
  tell();
  return plan;
}

/** Compares all policies on test images, and verifies the plan on chips that planning never saw. */
async function prove(
  assessment: Assessment,
  plan: Plan,
  test: Dataset,
  flags: DemoFlags,
  progress: Progress,
): Promise<Comparison> {
  const { seed, threads } = flags;
  const tell = tellerOf(flags);
  return withSimulation(assessment, test, { seed, threads }, async (simulation) => {
    const comparison = await compare(assessment, simulation, {
      keep,
      chips,
      budgets,
      ...(threads === undefined ? {} : { threads }),
      onProgress: progress.update,
    });
    const [fresh] = await simulation.run([planProtection(plan)], chips, {
      firstChip: 1000,
      onProgress: (d, t) => progress.update("the plan on fresh chips", d, t),
    });
    progress.stop();
    const verified = summarise(fresh!, simulation.goal(keep));
    tell(
      `4. The proof: ${comparison.chips} simulated chips, the same faults for every policy, ${comparison.samples} test images.`,
    );
    tell(
      `   Accuracy in % (95 % interval) against overhead; clean ${formatPercent(comparison.clean, 1)}, to keep ${formatPercent(comparison.target, 1)}.`,
    );
    tell();
    tell(comparisonTable(comparison));
    tell();
    tell(
      `   The plan on ${verified.chips} fresh chips: ${formatPercent(verified.accuracy, 1)} (${formatPercent(verified.low, 1)} to ${formatPercent(verified.high, 1)}), and ${formatPercent(verified.yield)} of them keep the ${formatPercent(comparison.target, 1)} each by itself.`,
    );
    tell();
    return comparison;
  });
}

/** Runs the command. */
export async function runDemo(flags: DemoFlags): Promise<void> {
  const started = Date.now();
  const { seed, threads } = flags;
  checkOutput(join(flags.output, "report.html"), [], flags.output);
  const tell = tellerOf(flags);
  const progress = openProgress(flags);
  const device = readDevice(join(zoo, "thin-oxide.yaml"));
  const shipped = async (name: string, limit?: number) =>
    (await readDataset({ data: [join(zoo, name)], limit })).dataset;
  const calibration = await shipped("fashion-mnist-calibration-256.npz");
  const test = await shipped("fashion-mnist-test-2000.npz", images);
  tell("qtaml: bit flips in the stored weights of a neural network\n");
  tellDevice(device, tell);
  const assessment = await assess(readModel(join(zoo, "lenet.onnx")), {
    flips: flipLaw(evaluateDevice(device)),
    calibration,
    jacobian: {
      seed,
      ...(threads === undefined ? {} : { threads }),
      onProgress: (done, total) => progress.update("Jacobian", done, total),
    },
  });
  progress.stop();
  tellNetwork(assessment, tell);
  const plan = await planOnCalibration(assessment, calibration, flags, progress);
  const comparison = await prove(assessment, plan, test, flags, progress);

  const place = (name: string) => join(flags.output, name);
  writeWhole(place("plan.json"), toJson(plan));
  writeWhole(place("results.json"), toJson(comparison));
  writeWhole(place("hardened.onnx"), serialiseModel(hardenByPlan(assessment, plan)));
  const report = collectReport({
    title: "LeNet-5 in a memory that leaks by tunnelling",
    device,
    survey: assessment,
    plan,
    comparison,
    commands: ["npm run demo"],
    seed,
  });
  writeWhole(place("report.html"), await renderReport(report));
  if (flags.figures !== undefined) {
    const figures = await renderFigures(report);
    for (const [name, svg] of figures) writeWhole(join(flags.figures, `demo-${name}.svg`), svg);
  }
  tell(resultWords(comparison));
  tell(
    `(Published for four convolutional networks and a transformer: 3.4 to 33.6 times; this one ${formatTimes(comparison.ratio)}.)`,
  );
  tell();
  tell(`Written: ${["plan.json", "results.json", "hardened.onnx", "report.html"].map(place).join(", ")}.`);
  tell(`Took ${formatSeconds((Date.now() - started) / 1000)}. Open ${place("report.html")} to see it.`);
  if (flags.json === true) sayJson(comparison);
}
