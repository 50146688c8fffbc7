/** @file `qtaml codes MODEL`: which code for which bits of which tensor. */
import { checkKeep, planProtection } from "../../simulation/index.ts";
import { hasAnswers, isPredicted, predict, predictKept, type Assessment } from "../../assessment/index.ts";
import {
  makeCodedPlan,
  planCodesToKeep,
  pricedBits,
  pricedNoise,
  priceWays,
  type Way,
} from "../../planning/index.ts";
import type { Dataset } from "../../data/index.ts";
import { QtamlError } from "../../errors.ts";
import type { Device } from "../../physics/index.ts";
import type { Plan, PlanTensor } from "../../protect/index.ts";
import { formatCount, formatNumber, formatPercent } from "../../report/index.ts";
import { checkOutput, toJson, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import type { DescribedMemory } from "../memory.ts";
import { fitTable, warn } from "../output.ts";
import { nothingWritten, openProgress } from "../progress.ts";
import { physicalAccount, physicalWays, type PhysicalWay } from "./codes-physical.ts";
import {
  assessFromFlags,
  measureFromFlags,
  requireGraph,
  withSimulation,
  type AssessFlags,
  type MeasureFlags,
} from "./shared.ts";

/** Flags of `qtaml codes` that go with a model. */
export interface CodesModelFlags extends AssessFlags, MeasureFlags {
  readonly code?: readonly string[] | undefined;
  readonly keep?: number | undefined;
  readonly parity?: number | undefined;
  readonly trials: number;
  readonly output?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** What was found for a model. */
export interface ModelCodes {
  /** Share of the clean result to keep; null where a parity was given. */
  readonly keep: number | null;
  /** Null where no parity that these codes can take keeps it. */
  readonly plan: Plan | null;
  /** Squared output error, to first order, that all ways are brought to; null where nothing says how much is borne. */
  readonly noise: number | null;
  readonly ways: readonly Way[];
  /** What brings the noise there without a code; empty where flips differ from bit to bit. */
  readonly physical: readonly PhysicalWay[];
}

const usualKeep = 0.95;

/** Refuses flags before any work is done for them. @throws QtamlError */
export function checkCodesFlags(model: string, flags: CodesModelFlags): void {
  requireGraph(model, "codes");
  if (flags.data === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "Which code is worth its parity takes the Jacobian: give --data (labels are not needed).",
    );
  }
  if (flags.keep !== undefined && flags.parity !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      "Give --keep (the least parity that keeps a share of the clean result) or --parity (the most that may be spent), not both.",
    );
  }
  if (flags.keep !== undefined) checkKeep(flags.keep);
  if (flags.parity !== undefined && !(flags.parity >= 0)) {
    throw new QtamlError(
      "invalid-argument",
      `Parity ${flags.parity} is below 0: it is check bits over data bits, such as 0.2.`,
    );
  }
  if (flags.output !== undefined) checkOutput(flags.output, inputPaths(model, flags));
}

/** Finds the plan that flags ask for. */
async function planFor(
  assessment: Assessment,
  data: Dataset,
  codes: readonly string[],
  flags: CodesModelFlags,
  update: (stage: string, done: number, total: number) => void,
): Promise<{
  readonly plan: Plan | undefined;
  readonly keep: number | null;
  readonly noise: number | undefined;
}> {
  const { parity, seed, threads, trials } = flags;
  if (parity !== undefined) {
    const plan = await makeCodedPlan(assessment, { codes, parity, seed });
    return { plan, keep: null, noise: pricedNoise(assessment.memory, codes, parity) };
  }
  const keep = flags.keep ?? usualKeep;
  const measure = await measureFromFlags(flags);
  return withSimulation(
    assessment,
    data,
    { seed, threads, ...measure, protection: "residual" },
    async (simulation) => {
      const plan = await planCodesToKeep(assessment, simulation, {
        codes,
        keep,
        chips: trials,
        seed,
        onProgress: (done, total) => update("least parity", done, total),
      });
      if (plan !== undefined) {
        return { plan, keep, noise: pricedNoise(assessment.memory, codes, plan.overhead) };
      }
      const isKnown = isPredicted(assessment, simulation.measure.name);
      return { plan, keep, noise: isKnown ? predict(assessment, keep).noise : undefined };
    },
  );
}

/** Prices codes for a model. @param codes names of codes that hold bit planes @param described by the flags */
export async function codesOfModel(
  model: string,
  codes: readonly string[],
  flags: CodesModelFlags,
  described: DescribedMemory,
): Promise<ModelCodes & { readonly assessment: Assessment }> {
  const progress = openProgress(flags, nothingWritten);
  try {
    const { assessment, data } = await assessFromFlags(model, flags, progress, described);
    const { plan, keep, noise } = await planFor(assessment, data!, codes, flags, progress.update);
    progress.stop();
    if (plan !== undefined && flags.output !== undefined) writeWhole(flags.output, toJson(plan));
    const { device, report } = described;
    warn(report.warnings);
    const isBorne = noise !== undefined && noise > 0;
    const ways = isBorne ? priceWays(assessment.memory, codes, noise) : [];
    const isUniform = report.perBit === undefined;
    const physical = isBorne && isUniform ? physicalWays(device, pricedBits(assessment.memory), noise) : [];
    return { keep, plan: plan ?? null, noise: isBorne ? noise : null, ways, physical, assessment };
  } finally {
    progress.stop();
  }
}

/** The names of a plan's codes and the letter that stands for each. */
function letters(plan: Plan): Map<string, string> {
  const names = plan.tensors.flatMap((t) => t.segments.flatMap((s) => (s.codes ?? []).map((c) => c.code)));
  return new Map([...new Set(names)].map((name, i) => [name, String.fromCharCode(65 + i)]));
}

/** One mark a bit, the most significant first. */
function marks({ p01, segments }: PlanTensor, letter: ReadonlyMap<string, string>): string {
  return Array.from(p01.keys(), (k) => {
    const own = segments.map(({ codes = [] }) => {
      const name = codes.find(({ mask }) => (mask >> k) & 1)?.code;
      return name === undefined ? "." : letter.get(name)!;
    });
    return own.every((mark) => mark === own[0]) ? own[0]! : own[0]!.toLowerCase();
  })
    .reverse()
    .join("");
}

/** Bits of a plan that a code holds. */
function heldBy(plan: Plan, name: string): number {
  let bits = 0;
  for (const { segments } of plan.tensors)
    for (const { count, codes = [] } of segments)
      for (const { code, mask } of codes)
        if (code === name) for (let rest = mask; rest > 0; rest &= rest - 1) bits += count;
  return bits;
}

function planLines(plan: Plan): string[] {
  const letter = letters(plan);
  const rows = plan.tensors.map((t) => [
    t.name,
    formatCount(t.count),
    marks(t, letter),
    t.segments[0]!.decoder,
  ]);
  const key = [...letter].map(
    ([name, mark]) => `${mark} ${name} (${formatPercent(heldBy(plan, name) / plan.storedBits)} of the bits)`,
  );
  return [
    fitTable(rows, ["tensor", "weights", "bits (msb first)", "read as"]),
    key.length === 0
      ? "No bit needs a code."
      : `${key.join(", ")}; lower case: the first weights only; . no code`,
    `Parity: ${formatCount(plan.parityBits ?? 0)} check bits beside ${formatCount(plan.storedBits)} data bits, ${formatPercent(plan.overhead)}.`,
  ];
}

function wayRow({ name, kind, isReached, storedBits, held, left }: Way, dataBits: number): string[] {
  const words = {
    code: "",
    mix: "",
    "in-place": "weights have half their range",
    floor: "no code needs less",
    ideal: "no code: cells that never fail",
  }[kind];
  return isReached
    ? [
        name,
        formatCount(Math.round(storedBits!)),
        formatPercent(storedBits! / dataBits - 1),
        held === null ? "" : formatPercent(held),
        words,
      ]
    : [
        name,
        "-",
        "-",
        "-",
        kind === "floor"
          ? "reading this memory says nothing"
          : `not reached: ${formatNumber(left)} times the noise at best`,
      ];
}

/** What was found, in lines. */
export function modelAccount(
  found: ModelCodes & { readonly assessment: Assessment },
  flags: CodesModelFlags,
  device: Device,
): string {
  const { plan, keep, noise, ways, physical, assessment } = found;
  const dataBits = assessment.memory.reduce((sum, t) => sum + t.count * t.format.bits, 0);
  const lines: string[] = [];
  if (plan === null) {
    lines.push(`No parity that these codes can take keeps ${formatPercent(keep)} of the clean result.`);
  } else {
    lines.push(
      keep === null
        ? "The least noise within that parity:"
        : `The least parity that keeps ${formatPercent(keep)} of the clean result on ${flags.trials} simulated chips:`,
      ...planLines(plan),
    );
    if (hasAnswers(assessment)) {
      lines.push(
        `Predicted without simulating a fault: ${formatPercent(predictKept(assessment, planProtection(plan)))} of the clean expected accuracy kept.`,
      );
    }
  }
  if (noise !== null) {
    const rows = ways.map((way) => wayRow(way, dataBits));
    lines.push(
      "",
      `What brings the output noise to the same level${plan === null ? " (what is predicted to be borne)" : ""}, to first order:`,
      fitTable(rows, ["way", "stored bits", "parity", "bits held", ""]),
    );
    if (physical.length > 0) lines.push("", ...physicalAccount(physical, device));
  }
  if (plan !== null) {
    lines.push(
      "",
      flags.output === undefined
        ? "Not written: give -o plan.json to keep the plan; qtaml verify and qtaml harden take it."
        : `Written to ${flags.output}; qtaml verify and qtaml harden take it.`,
    );
  }
  return lines.join("\n");
}
