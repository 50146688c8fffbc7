/** @file What chips say, for pictures: bins of scores, and where curves cross their target. */
import type { Estimate } from "./protocol.ts";

/** Bins of equal width. */
export interface ScoreBins {
  readonly from: number;
  readonly width: number;
  /** [lists][bins] */
  readonly counts: readonly (readonly number[])[];
}

const binCount = 40;
/** Widths of bins, times powers of ten: figures that axes can name. */
const niceWidths = [1, 2, 2.5, 5, 10];

/**
 * Counts lists of scores in the same bins, at most about 40 of a round width; scores that are not finite are left out.
 * Undefined without any.
 */
export function binScores(lists: readonly (readonly number[])[]): ScoreBins | undefined {
  let [least, most] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const score of list) {
      if (!Number.isFinite(score)) continue;
      least = Math.min(least, score);
      most = Math.max(most, score);
    }
  }
  if (least > most) return undefined;
  const rough = Math.max((most - least) / binCount, 1e-9 * Math.max(1, Math.abs(most)));
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = power * niceWidths.find((w) => w * power >= rough * (1 - 1e-9))!;
  // A score that lies on an edge goes up, whatever rounding made of it.
  const place = (score: number) => Math.floor(score / width + 1e-9);
  const first = place(least);
  const from = first * width;
  const bins = place(most) - first + 1;
  const counts = lists.map((list) => {
    const own = Array.from({ length: bins }, () => 0);
    for (const score of list) {
      if (!Number.isFinite(score)) continue;
      own[place(score) - first]!++;
    }
    return own;
  });
  return { from, width, counts };
}

/** Where curves reach their target. */
export interface OverheadsAtTarget {
  readonly overheadAtTarget: Readonly<Record<string, number>>;
  /** Where the better and the worse ends of the intervals reach it. */
  readonly overheadInterval: Readonly<Record<string, readonly [number, number]>>;
}

/** Least overhead at which heights reach a target, linear between points; 1 where they do not, or none is measured below. */
function crossing(
  points: readonly { overhead: number; height: number }[],
  target: number,
  isUp: boolean,
): number {
  const reaches = (height: number) => (isUp ? height >= target : height <= target);
  const at = points.findIndex(({ height }) => reaches(height));
  if (at < 0) return 1;
  const { overhead, height } = points[at]!;
  const before = points[at - 1];
  if (before === undefined) return overhead;
  return (
    before.overhead + ((target - before.height) / (height - before.height)) * (overhead - before.overhead)
  );
}

/** Where the curve of each policy reaches the target. */
export function overheadsAtTarget(
  plans: readonly { policy: string; overhead: number; mean: Estimate | null }[],
  target: number,
  isUp: boolean,
): OverheadsAtTarget {
  const found = Array.from(
    Map.groupBy(plans, ({ policy }) => policy),
    ([policy, own]) => {
      const sorted = own.filter((p) => p.mean !== null).sort((a, b) => a.overhead - b.overhead);
      const at = (of: keyof Estimate) =>
        crossing(
          sorted.map(({ overhead, mean }) => ({
            overhead,
            height: mean![of] ?? (isUp ? -Infinity : Infinity),
          })),
          target,
          isUp,
        );
      return {
        policy,
        overhead: at("estimate"),
        ends: [at(isUp ? "high" : "low"), at(isUp ? "low" : "high")] as const,
      };
    },
  );
  return {
    overheadAtTarget: Object.fromEntries(found.map(({ policy, overhead }) => [policy, overhead])),
    overheadInterval: Object.fromEntries(found.map(({ policy, ends }) => [policy, ends])),
  };
}
