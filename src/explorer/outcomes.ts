/** @file What chips say, for pictures and sentences: bins of scores, where curves cross their target, verdicts by policy. */

/** An estimate with the interval that covers it; null for what JSON cannot hold. */
export interface Estimate {
  readonly estimate: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Bins of equal width. */
export interface ScoreBins {
  readonly from: number;
  readonly width: number;
  /** [bins] */
  readonly counts: readonly number[];
}

const binCount = 30;
/** Widths of bins, times powers of ten: figures that axes can name. */
const niceWidths = [1, 2, 2.5, 5, 10];

/**
 * Counts scores in about 30 bins at most, of a round width, one of whose edges is the target; scores that are not
 * finite are left out. Undefined without any.
 */
export function binScores(scores: readonly number[], target: number): ScoreBins | undefined {
  const known = scores.filter(Number.isFinite);
  if (known.length === 0) return undefined;
  const least = known.reduce((a, b) => Math.min(a, b));
  const most = known.reduce((a, b) => Math.max(a, b));
  const rough = Math.max((most - least) / binCount, 1e-3 * Math.max(Math.abs(target), Math.abs(most)), 1e-9);
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = power * niceWidths.find((w) => w * power >= rough * (1 - 1e-9))!;
  // A score that lies on an edge goes up, whatever rounding made of it.
  const place = (score: number) => Math.floor((score - target) / width + 1e-9);
  const first = place(least);
  const counts = Array.from({ length: place(most) - first + 1 }, () => 0);
  for (const score of known) counts[place(score) - first]!++;
  return { from: target + first * width, width, counts };
}

/** Where curves reach their target. */
export interface OverheadsAtTarget {
  /** Least overhead tried, of policies that reach the target there already: they may need less. */
  readonly reachedAtLeast: Readonly<Record<string, number>>;
  /** Of the other policies. */
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
  if (before === undefined || !Number.isFinite(before.height)) return overhead;
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
        least: sorted[0]?.overhead,
        overhead: at("estimate"),
        ends: [at(isUp ? "high" : "low"), at(isUp ? "low" : "high")] as const,
      };
    },
  );
  const isKnown = ({ overhead, least }: (typeof found)[number]) => overhead === 0 || overhead !== least;
  const crossed = found.filter(isKnown);
  return {
    reachedAtLeast: Object.fromEntries(
      found.filter((own) => !isKnown(own)).map(({ policy, overhead }) => [policy, overhead]),
    ),
    overheadAtTarget: Object.fromEntries(crossed.map(({ policy, overhead }) => [policy, overhead])),
    overheadInterval: Object.fromEntries(crossed.map(({ policy, ends }) => [policy, ends])),
  };
}

/** What the verdicts of its plans say of a policy. */
export interface Standing {
  readonly policy: string;
  /** Shown where a plan keeps what is asked, refuted where every plan misses it. */
  readonly state: "shown" | "open" | "refuted";
  /** Least overhead that was shown to be enough; undefined unless shown. */
  readonly enough: number | undefined;
  /** Overheads that are open, rising; where some are shown to be enough, those below. */
  readonly open: readonly number[];
}

/** Where each policy stands, in the order of the plans. */
export function standings(
  plans: readonly { policy: string; overhead: number; verdict: "kept" | "missed" | "open" }[],
): Standing[] {
  return Array.from(
    Map.groupBy(plans, ({ policy }) => policy),
    ([policy, own]): Standing => {
      const overheads = (wanted: string) =>
        own
          .filter(({ verdict }) => verdict === wanted)
          .map(({ overhead }) => overhead)
          .sort((a, b) => a - b);
      const enough = overheads("kept")[0];
      const open = overheads("open").filter((overhead) => enough === undefined || overhead < enough);
      const state = enough !== undefined ? "shown" : open.length > 0 ? "open" : "refuted";
      return { policy, state, enough, open };
    },
  );
}
