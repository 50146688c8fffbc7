/**
 * @file What the numbers say, in sentences: for the report and for the command line. Plain text, not escaped.
 */
import type { DecoderClass } from "../channel/index.ts";
import type { Comparison } from "../planning/index.ts";
import { findMeasure, type MeasureDescription } from "../measure/index.ts";
import type { FlipReport } from "../physics/index.ts";
import { formatCount, formatNumber, formatPercent, formatTimes } from "./numbers.ts";
import type { ReportInput } from "./types.ts";
import { policyStyle } from "./charts/theme.ts";

/** Whether an overhead keeps the target below full protection; a comparison read from JSON may hold null. */
export function reaches(overhead: number | null | undefined): overhead is number {
  return typeof overhead === "number" && overhead < 1;
}

/** A capital at the head, but for names such as mIoU. */
export const capital = (text: string) =>
  /^[a-z][A-Z]/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);

/** What is judged, at the head of a sentence. @param measure as results describe it */
export function measureWords({ name, title }: MeasureDescription): string {
  if (name !== "expected-accuracy") return capital(title);
  return "Expected accuracy (the share of right answers if the clean network's confidences are right)";
}

/** What a comparison found, in one sentence. */
export function comparisonHeadline(comparison: Comparison): string {
  const { keep, measure, overheadAtTarget, ratio, ratioInterval } = comparison;
  const tac = overheadAtTarget["tac"];
  const uniform = overheadAtTarget["uniform-msp"];
  const kept = `${formatPercent(keep)} of ${measure.kept}`;
  if (!reaches(tac)) {
    return reaches(uniform)
      ? `TAC does not keep ${kept} below full protection; Uniform-MSP does with ${formatPercent(uniform)} overhead.`
      : `No policy keeps ${kept} below full protection.`;
  }
  if (tac === 0) {
    return uniform === 0
      ? `The network keeps ${kept} without any protection.`
      : `TAC keeps ${kept} without protecting a bit; Uniform-MSP needs ${reaches(uniform) ? `${formatPercent(uniform)} overhead` : "every bit protected"}.`;
  }
  const start = `TAC keeps ${kept} with ${formatPercent(tac)} overhead`;
  if (!reaches(uniform)) return `${start}; Uniform-MSP does not keep it below full protection.`;
  const [low, high] = ratioInterval;
  const interval =
    typeof low === "number" && typeof high === "number" && Number.isFinite(high)
      ? ` (95 % interval ${formatTimes(low)} to ${formatTimes(high)})`
      : "";
  return `${start}; Uniform-MSP needs ${formatPercent(uniform)}: ${formatTimes(ratio)} times as much${interval}.`;
}

/** Flip probabilities in words. @param report flip probabilities of a stored 0 and of a stored 1 */
export function flipWords({ p01, p10 }: Pick<FlipReport, "p01" | "p10">): string {
  const number = (p: number) => formatNumber(p, { typeset: true });
  if (p01 === p10) return `A stored bit flips with probability ${number(p01)}.`;
  return `A stored 0 is read as 1 with probability ${number(p01)}, a stored 1 as 0 with probability ${number(p10)}.`;
}

/** Why the curve of random bit planes has flat stretches, as a caption goes on; nothing without such a curve. */
export function randomWords(policies: readonly string[]): string {
  return policies.includes("random")
    ? " Random protects whole bit planes, each of one tensor, in one shuffled order: its curve is flat while a plane that matters little is filled."
    : "";
}

/** What a plan does, in one sentence. */
export function planWords(plan: NonNullable<ReportInput["plan"]>): string {
  const { policy, overhead, protectedBits, parityBits, storedBits, goal } = plan;
  const why =
    "budget" in goal
      ? `for a budget of ${formatPercent(goal.budget)}`
      : `to keep ${formatPercent(goal.keep)} of ${findMeasure(goal.criterion)?.description.kept ?? `the clean ${goal.criterion}`}`;
  return `The plan (${policyStyle(policy).label}, ${why}) protects ${formatCount(protectedBits)} of ${formatCount(storedBits)} stored bits${parityBits === undefined ? "" : ` by codes with ${formatCount(parityBits)} check bits`}: ${formatPercent(overhead)} overhead.`;
}

/** What a protected bit of a plan is, in a sentence. */
export function protectionWords(plan: ReportInput["plan"]): string {
  if (plan?.protection !== "coded") {
    return "Protection is ideal here: a protected bit never flips and costs one bit; parity is not counted.";
  }
  const codes = plan.tensors.flatMap((t) => t.segments.flatMap((s) => (s.codes ?? []).map((c) => c.code)));
  return `Protected bits are held by codes (${[...new Set(codes)].join(", ")}), which leave some of their errors; overhead is parity.`;
}

/** The first sentence of a report: the most that its parts allow to say. */
export function headline(input: ReportInput): string {
  if (input.comparison !== undefined) return comparisonHeadline(input.comparison);
  if (input.plan !== undefined) return planWords(input.plan);
  if (input.device !== undefined) return flipWords(input.device.flips);
  if (input.tensors !== undefined) {
    const weights = input.tensors.reduce((sum, t) => sum + t.count, 0);
    return `${input.model?.name ?? "The model"} stores ${formatCount(weights)} weights in ${input.tensors.length} tensors.`;
  }
  return "Nothing has been computed yet.";
}

/** What decoding by codebooks costs at inference, without a full stop. @param tables number of decode tables */
export function decodingCost(decoderClass: DecoderClass, tables: number): string {
  if (decoderClass === "free" || tables === 0) return "none, decoding folds into scale, zero point and bias";
  return `${tables === 1 ? "a decode table" : `${formatCount(tables)} decode tables`} of 2^B entries, one look-up a weight (folded when the model is loaded, where weights are kept decoded)`;
}
