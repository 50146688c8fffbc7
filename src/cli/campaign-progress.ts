/** @file What a person sees while a campaign runs: rate, intervals so far and time left, plan by plan. */
import { clearScreenDown, moveCursor } from "node:readline";
import type { CampaignProgress } from "../campaign/index.ts";
import type { MeasureDescription } from "../measure/index.ts";
import { formatPercent, formatScore, textWidth } from "../report/index.ts";
import type { Manner } from "./output.ts";

/** Shows a campaign's progress. */
export interface CampaignDisplay {
  readonly update: (progress: CampaignProgress) => void;
  readonly stop: () => void;
}

/** Seconds in words for a glance. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Chips a second, from those finished since the start; clocks that stand still or go back give none. */
export function rateOf(finished: number, elapsedMs: number): number | undefined {
  return finished > 0 && elapsedMs > 0 ? (1000 * finished) / elapsedMs : undefined;
}

/** How far, how fast and how long: one line. */
export function headline(progress: CampaignProgress, elapsedMs: number): string {
  const { done, expected, resumed } = progress;
  const rate = rateOf(done - resumed, elapsedMs);
  const parts = [`chips: ${done} of ${done < expected ? `about ${expected}` : done}`];
  if (rate !== undefined) {
    parts.push(rate >= 1 ? `${rate.toFixed(1)} a second` : `${(1 / rate).toFixed(1)} s each`);
    if (elapsedMs > 1000 && expected > done) parts.push(`${duration((expected - done) / rate)} left`);
  }
  return parts.join(", ");
}

/** The answers so far, a line a plan. */
export function planLines(
  { answers }: CampaignProgress,
  plans: readonly string[],
  { unit }: Pick<MeasureDescription, "unit">,
): string[] {
  const width = Math.max(...plans.map(textWidth));
  return answers.map(({ mean, yield: share, verdict }, p) => {
    const score = (value: number) => formatScore(value, unit, 2);
    const word = verdict === undefined ? "open" : verdict ? "kept" : "missed";
    return `${plans[p]!}${" ".repeat(width - textWidth(plans[p]!))}  ${score(mean.estimate)} (${score(mean.low)} to ${score(mean.high)}), yield ${formatPercent(share.estimate, 1)} (${formatPercent(share.low, 1)} to ${formatPercent(share.high, 1)}): ${word}`;
  });
}

const silent: CampaignDisplay = { update: () => undefined, stop: () => undefined };

/** A display in the manner that fits: lines that change on a terminal, a line now and then in a log, none when quiet. */
export function openCampaignDisplay(
  manner: Manner,
  plans: readonly string[],
  measure: MeasureDescription,
  now: () => number = () => performance.now(),
): CampaignDisplay {
  if (manner.quiet === true) return silent;
  const started = now();
  const { stderr } = process;
  if (!stderr.isTTY) {
    let last = started;
    return {
      update(progress) {
        if (now() - last < 10_000) return;
        last = now();
        const lines = planLines(progress, plans, measure).map((line) => line.replace(/\s+/g, " "));
        stderr.write(`  ${[headline(progress, now() - started), ...lines].join("; ")}\n`);
      },
      stop: () => undefined,
    };
  }
  let shown = 0;
  let last = -Infinity;
  const clear = () => {
    if (shown > 0) moveCursor(stderr, -stderr.columns, -shown);
    clearScreenDown(stderr);
    shown = 0;
  };
  return {
    update(progress) {
      if (now() - last < 100) return;
      last = now();
      const lines = [headline(progress, now() - started), ...planLines(progress, plans, measure)].map(
        (line) => `  ${line}`.slice(0, Math.max(20, stderr.columns - 1)),
      );
      clear();
      stderr.write(`${lines.join("\n")}\n`);
      shown = lines.length;
    },
    stop: clear,
  };
}
