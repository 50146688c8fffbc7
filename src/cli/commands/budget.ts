/** @file `qtaml budget`: one allocation of protected bits for several models that share a memory. */
import { dirname, join, resolve } from "node:path";
import { assess, flipLaw } from "../../assessment/index.ts";
import { absoluteData } from "../../data/index.ts";
import { codePlan, shareBudget, type SharedBudget, type SharedModel } from "../../planning/index.ts";
import { QtamlError } from "../../errors.ts";
import { codeNamed, type WordCode } from "../../image/index.ts";
import { formatCount, formatNumber, formatPercent } from "../../report/index.ts";
import { dataFromFlags } from "../data.ts";
import { checkOutput, readModel, toJson, writeWhole } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { flipsFromFlags, type FlipFlags } from "../memory.ts";
import { fitTable, say, sayJson, warn, type Manner } from "../output.ts";
import { nothingWritten, openProgress, type Progress } from "../progress.ts";
import { readBudget, type BudgetFile } from "./budget-file.ts";

/** Flags of `qtaml budget`. */
export interface BudgetFlags extends Manner {
  readonly output?: string | undefined;
  readonly samples?: number | undefined;
  readonly threads?: number | undefined;
  readonly seed: number;
}

/** The most bits that can be protected within a limit. @param models each of which begins a codeword of its own */
function protectedWithin(
  limit: BudgetFile["limit"],
  stored: number,
  code: WordCode | null,
  models: number,
): number {
  const check = code === null ? 0 : code.wordBits - code.dataBits;
  const wholeWords = (parityBits: number) =>
    Math.max(0, Math.floor(parityBits / check) - (models - 1)) * code!.dataBits;
  if ("parityBits" in limit) {
    if (code !== null) return wholeWords(limit.parityBits);
    throw new QtamlError(
      "invalid-argument",
      "A limit of parityBits needs a code: add code: secded(72,64) to the budget, or give protectedBits.",
    );
  }
  if ("protectedBits" in limit) return limit.protectedBits;
  if ("overhead" in limit)
    return code === null ? Math.floor(limit.overhead * stored) : wholeWords(limit.overhead * stored);
  const { areaUm2, cellUm2, protectedCellUm2 } = limit;
  const spare = areaUm2 - stored * cellUm2;
  if (spare < 0) {
    throw new QtamlError(
      "invalid-argument",
      `The weights alone take ${formatNumber(stored * cellUm2)} um2, more than the ${formatNumber(areaUm2)} um2 of the limit; give more area or narrower formats.`,
    );
  }
  if (code !== null) return wholeWords(spare / cellUm2);
  if (protectedCellUm2 === undefined || protectedCellUm2 <= cellUm2) {
    throw new QtamlError(
      "invalid-argument",
      "A limit of area needs what protection takes: a code, or protectedCellUm2 above cellUm2.",
    );
  }
  return Math.floor(spare / (protectedCellUm2 - cellUm2));
}

/** The files that a budget names, from the working folder. */
function filesOf(path: string, { models, device }: BudgetFile): string[] {
  return [{ model: undefined, data: [], device }, ...models]
    .flatMap(({ model, data, device: own }) => inputPaths(model, { data, device: own }))
    .map((name) => resolve(dirname(path), name));
}

/** Assesses the models; paths are relative to the budget file. */
async function openModels(
  path: string,
  budget: BudgetFile,
  flags: BudgetFlags,
  progress: Progress,
): Promise<{ readonly models: SharedModel[]; readonly warnings: string[] }> {
  const from = (name: string) => resolve(dirname(path), name);
  const models: SharedModel[] = [];
  const warnings = new Set<string>();
  for (const entry of budget.models) {
    const own: FlipFlags = { device: entry.device, p: entry.p, p01: entry.p01, p10: entry.p10 };
    const hasOwn = Object.values(own).some((value) => value !== undefined);
    const { device, p, p01, p10 } = hasOwn ? own : budget;
    const { report } = flipsFromFlags({
      device: device === undefined ? undefined : from(device),
      p,
      p01,
      p10,
    });
    for (const warning of report.warnings) warnings.add(warning);
    const file = readModel(from(entry.model));
    const data = await dataFromFlags(
      { data: entry.data.map((text) => absoluteData(text, dirname(path))), quiet: true },
      file.model,
    );
    const assessment = await assess(file, {
      flips: flipLaw(report),
      storage: { format: entry.format, granularity: entry.granularity },
      calibration: data!,
      jacobian: {
        seed: flags.seed,
        onProgress: (done, total) => progress.update(`Jacobian of ${entry.name}`, done, total),
        ...(flags.samples === undefined ? {} : { samples: flags.samples }),
        ...(flags.threads === undefined ? {} : { threads: flags.threads }),
      },
    });
    models.push({ name: entry.name, weight: entry.weight, assessment });
  }
  return { models, warnings: [...warnings] };
}

/** A shared budget in a few lines for a terminal. */
function account(shared: SharedBudget, code: WordCode | null, parityBits: number): string {
  const rows = shared.models.map((m) => [
    m.name,
    formatNumber(m.weight),
    formatCount(m.plan.storedBits),
    formatCount(m.plan.protectedBits),
    formatPercent(m.plan.overhead),
    formatNumber(m.relativeNoise),
    formatNumber(m.relativeNoiseAtEqualShares),
    m.predictedKept === null ? "-" : formatPercent(m.predictedKept),
  ]);
  const gap = shared.objective === 0 ? 0 : 1 - shared.objectiveBound / shared.objective;
  const overhead = (bits: number) => formatPercent(bits / shared.storedBits);
  return [
    fitTable(rows, ["model", "weight", "bits", "protected", "overhead", "noise", "at equal shares", "kept"]),
    `Protected: ${formatCount(shared.protectedBits)} of ${formatCount(shared.storedBits)} bits, ${overhead(shared.protectedBits)}${code === null ? " (ideal, no parity)" : `; parity of ${code.name}: ${formatCount(parityBits)} bits, ${overhead(parityBits)}`}.`,
    `Weighted relative noise ${formatNumber(shared.objective)}; ${formatNumber(shared.objectiveAtEqualShares)} at equal shares. No allocation is better by more than ${formatPercent(gap)}.`,
  ].join("\n");
}

/** Runs the command. */
export async function runBudget(path: string, flags: BudgetFlags): Promise<void> {
  const budget = readBudget(path);
  const code = budget.code === undefined || budget.code === "none" ? null : codeNamed(budget.code);
  const { output } = flags;
  const placeOf = (name: string) => join(output ?? "", `${name}.plan.json`);
  if (output !== undefined) {
    const read = [path, ...filesOf(path, budget)];
    for (const { name } of budget.models) checkOutput(placeOf(name), read, output);
  }
  const progress = openProgress(flags, nothingWritten);
  const { models, warnings } = await openModels(path, budget, flags, progress);
  const stored = models.reduce(
    (sum, { assessment }) => sum + assessment.memory.reduce((bits, t) => bits + t.count * t.format.bits, 0),
    0,
  );
  const ideal = await shareBudget(models, protectedWithin(budget.limit, stored, code, models.length));
  progress.stop();
  const shared: SharedBudget =
    code === null
      ? ideal
      : { ...ideal, models: ideal.models.map((m) => ({ ...m, plan: codePlan(m.plan, code.name) })) };
  const parityBits = shared.models.reduce((sum, { plan }) => sum + (plan.parityBits ?? 0), 0);
  const files = shared.models.map(({ name, plan }) => ({
    path: placeOf(name),
    plan,
  }));
  if (output !== undefined) {
    for (const file of files) writeWhole(file.path, toJson(file.plan));
  }
  warn(warnings);
  if (flags.json === true) {
    const summary = shared.models.map(({ plan, ...share }, m) => ({
      ...share,
      storedBits: plan.storedBits,
      protectedBits: plan.protectedBits,
      overhead: plan.overhead,
      plan: output === undefined ? null : files[m]!.path,
    }));
    sayJson({ ...shared, code: code?.name ?? null, parityBits, models: summary });
    return;
  }
  say(account(shared, code, parityBits));
  say(
    output === undefined
      ? "Not written: give -o FOLDER to keep a plan for each model."
      : `Plans written: ${files.map((f) => f.path).join(", ")}.`,
  );
}
