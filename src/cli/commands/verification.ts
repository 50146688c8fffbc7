/**
 * @file What `qtaml verify` and `qtaml campaign replay` prepare alike: a model in a memory, data, plans that share that
 * memory, and what identifies the campaign.
 */
import { resolve } from "node:path";
import { assess, planFlipLaw, planFlips, type Assessment } from "../../assessment/index.ts";
import { contentDigest, checkKeep, checkPlan, storeByPlan } from "../../simulation/index.ts";
import { codePlan } from "../../planning/index.ts";
import { planIdentity, type CampaignIdentity } from "../../campaign/index.ts";
import { absoluteData, absoluteFeed, type Dataset } from "../../data/index.ts";
import type { ProtectionMode } from "../../channel/index.ts";
import { isModuleName, type Provider } from "../../engine/index.ts";
import { QtamlError } from "../../errors.ts";
import type { Plan } from "../../protect/index.ts";
import { dataFromFlags, outputOf, type DataFlags } from "../data.ts";
import { absoluteFaults, changesRate, faultsFromFlags, type FaultFlags } from "../faults.ts";
import { readModel, readPlan } from "../files.ts";
import { flipsFromFlags, hasFlips, intervalLaw, type FlipFlags } from "../memory.ts";
import { note } from "../output.ts";
import { measureFromFlags, requireGraph, type MeasureFlags } from "./shared.ts";

/** Flags that decide what chips are tried and how they are judged. */
export interface TryFlags extends FlipFlags, FaultFlags, DataFlags, MeasureFlags {
  readonly plan: readonly string[];
  readonly keep?: number | undefined;
  /** Code of all protected bits of plans that name none. */
  readonly code?: string | undefined;
  readonly protection?: ProtectionMode | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
  /** Server of a queue whose workers try the chips. */
  readonly on?: string | undefined;
  readonly queue: string;
  /** What runs the network. */
  readonly provider?: Provider | undefined;
}

/** A plan and what it is called. */
export interface NamedPlan {
  readonly name: string;
  readonly plan: Plan;
}

/** Everything that chips are tried with. */
export interface Prepared {
  readonly assessment: Assessment;
  readonly data: Dataset;
  readonly plans: readonly NamedPlan[];
  /** Settings of the simulation. */
  readonly simulation: {
    readonly seed: number;
    readonly threads: number | undefined;
    readonly on: string | undefined;
    readonly queue: string;
    readonly onNotice: (text: string) => void;
    readonly designFlips: ReturnType<typeof planFlips>;
    readonly provider: Provider | undefined;
    readonly faults?: NonNullable<ReturnType<typeof faultsFromFlags>>;
    readonly protection?: ProtectionMode;
    readonly measure?: NonNullable<Awaited<ReturnType<typeof measureFromFlags>>["measure"]>;
  };
  readonly warnings: readonly string[];
}

/** Refuses plans that cannot meet the same faults, since their memories differ. */
function checkCommonMemory(plans: readonly NamedPlan[]): void {
  const memoryOf = ({ plan }: NamedPlan) =>
    contentDigest({
      storage: plan.storage,
      flips: plan.tensors.map(({ name, p01, p10 }) => [name, p01, p10]),
      // By which codebook a weight is stored depends on where segments begin and what they protect.
      codes: plan.codebooks.length === 0 ? [] : [plan.codebooks, plan.tensors],
      shifts: plan.shifts,
    });
  const [first, ...others] = plans;
  const stranger = others.find((other) => memoryOf(other) !== memoryOf(first!));
  if (stranger === undefined) return;
  throw new QtamlError(
    "plan-mismatch",
    `Plans ${first!.name} and ${stranger.name} are for different memories (storage, codebooks, shifted biases or flip probabilities), so their chips cannot have the same faults; verify them one by one.`,
  );
}

/** The plans that flags name, with their codes. */
function plansFromFlags({ plan, code, protection }: TryFlags): NamedPlan[] {
  const plans = plan.map((path) => {
    const read = readPlan(path);
    return { name: path, plan: code === undefined || code === "none" ? read : codePlan(read, code) };
  });
  if (
    protection !== undefined &&
    protection !== "ideal" &&
    plans.every((p) => p.plan.protection === "ideal")
  ) {
    throw new QtamlError(
      "invalid-argument",
      `--protection ${protection} is of bits that codes hold, and the plan names no code: add --code "secded(72,64)", or plan with qtaml codes.`,
    );
  }
  return plans;
}

/** Reads and checks what flags name. @throws QtamlError for anything that is wrong with it */
export async function prepare(model: string, flags: TryFlags, command: string): Promise<Prepared> {
  const { seed, threads, on, queue } = flags;
  if (flags.keep !== undefined) checkKeep(flags.keep, true);
  requireGraph(model, command);
  const faults = faultsFromFlags(flags);
  if (faults !== undefined && changesRate(faults) && !hasFlips(flags)) {
    throw new QtamlError(
      "invalid-argument",
      "With these faults, cells are wrong more often than they flip in one interval: give the flip probability of one interval with --p, --p01 and --p10, or --device.",
    );
  }
  const measure = await measureFromFlags(flags);
  const plans = plansFromFlags(flags);
  const twice = plans.find(({ name }, i) => plans.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) {
    throw new QtamlError("invalid-argument", `Plan ${twice.name} is given twice; leave one out.`);
  }
  checkCommonMemory(plans);
  const { plan } = plans[0]!;
  const file = readModel(model);
  const data = await dataFromFlags(flags, file.model);
  if (data === undefined) {
    throw new QtamlError("invalid-argument", "Verifying needs data to try chips on: give --data.");
  }
  const described = hasFlips(flags) ? flipsFromFlags(flags) : undefined;
  const flips = described === undefined ? planFlipLaw(plan) : intervalLaw(described, faults?.intervals ?? 1);
  const surveyed = await assess(file, { flips, storage: plan.storage, ...outputOf(flags) });
  for (const named of plans) checkPlan(named.plan, surveyed);
  const assessment = storeByPlan(surveyed, plan);
  return {
    assessment,
    data,
    plans,
    simulation: {
      seed,
      threads,
      on,
      queue,
      provider: flags.provider,
      onNotice: (text) => note(text, flags),
      designFlips: planFlips(plan),
      ...(faults === undefined ? {} : { faults }),
      ...(flags.protection === undefined ? {} : { protection: flags.protection }),
      ...measure,
    },
    warnings: described?.report.warnings ?? [],
  };
}

/** The plans' part of a campaign's identity. */
export function plansIdentity(plans: readonly NamedPlan[]): CampaignIdentity["plans"] {
  return plans.map(({ name, plan }) => planIdentity(plan, name));
}

/** The flags as they can be given again from any folder. */
export function absoluteFlags<T extends TryFlags>(flags: T): T {
  const file = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  const { preprocessing, measure, feed } = flags;
  return {
    ...flags,
    plan: flags.plan.map((path) => resolve(path)),
    data: flags.data?.map((text) => absoluteData(text)),
    labels: file(flags.labels),
    device: file(flags.device),
    faults: absoluteFaults(flags.faults),
    preprocessing: preprocessing?.trim().startsWith("{") === true ? preprocessing : file(preprocessing),
    measure: measure !== undefined && isModuleName(measure) ? resolve(measure) : measure,
    feed: feed?.map(absoluteFeed),
  };
}
