/**
 * @file What the picture of accuracy against overhead shows, and from data to pixels.
 */
import type { Comparison, CurvePoint } from "../../planning/index.ts";
import type { Frame } from "./options.ts";

/** What the picture shows. */
export interface AccuracyData extends Pick<
  Comparison,
  | "clean"
  | "measure"
  | "keep"
  | "target"
  | "policies"
  | "overheadAtTarget"
  | "overheadInterval"
  | "ratio"
  | "ratioInterval"
> {
  /** Score of guessing. */
  readonly chance?: number;
  /** Whether every point is shown; else the picture ends a little beyond the crossings of the target. */
  readonly isWhole?: boolean;
}

/** A point as drawn. */
export type Height = Pick<CurvePoint, "overhead" | "accuracy" | "low" | "high">;

/** The curve up to a limit, cut there by interpolation. */
export function upTo(points: readonly Height[], limit: number): Height[] {
  const inside = points.filter((p) => p.overhead <= limit);
  const [before, after] = [inside.at(-1), points[inside.length]];
  if (before === undefined || after === undefined || before.overhead === limit) return inside;
  const share = (limit - before.overhead) / (after.overhead - before.overhead);
  const mix = (of: (p: Height) => number) => of(before) + share * (of(after) - of(before));
  const end = {
    overhead: limit,
    accuracy: mix((p) => p.accuracy),
    low: mix((p) => p.low),
    high: mix((p) => p.high),
  };
  return [...inside, end];
}

/** Where the axis ends: beyond all points, or where things happen, a little beyond the last crossing of the target. */
function overheadLimit({ overheadAtTarget, overheadInterval, policies, isWhole }: AccuracyData): number {
  if (isWhole === true) {
    const most = Math.max(0, ...policies.flatMap((c) => c.points.map((p) => p.overhead)));
    return Math.min(1, Math.max(0.05, Math.ceil(1.04 * most * 20 - 1e-9) / 20));
  }
  const crossings = Object.entries(overheadAtTarget)
    .filter(([name]) => name === "tac" || name === "uniform-msp")
    .flatMap(([name, overhead]) => [overhead, overheadInterval[name]?.[1] ?? overhead])
    .filter((overhead) => Number.isFinite(overhead) && overhead < 1);
  const furthest = Math.max(
    0,
    ...policies.filter((c) => c.points.length > 1).flatMap((c) => c.points.map((p) => p.overhead)),
  );
  if (crossings.length === 0) return Math.max(0.05, furthest);
  const last = Math.max(...crossings);
  const rounded = Math.max(0.02, Math.ceil(last * 1.3 * 20) / 20);
  return Math.min(1, rounded, Math.max(1.05 * last, furthest));
}

/** From data to pixels. */
export interface Scales {
  readonly limit: number;
  readonly low: number;
  readonly high: number;
  readonly squareRoot: boolean;
  /** Whether scores are drawn on a logarithmic scale. */
  readonly logarithmic: boolean;
  readonly px: (overhead: number) => number;
  readonly py: (accuracy: number) => number;
}

/** The scales of a picture. */
export function makeScales(data: AccuracyData, frame: Frame): Scales {
  const limit = overheadLimit(data);
  const shown = data.policies.flatMap((c) => upTo(c.points, limit));
  const isShare = data.measure.unit === "share";
  // Clean decibels would dwarf the curves: without errors the ratio has only the limit of float32.
  const references = data.measure.unit === "dB" ? [data.target] : [data.target, data.clean];
  const heights = [
    ...shown.flatMap((p) => [p.accuracy, p.low, p.high]),
    ...references,
    ...(data.chance === undefined ? [] : [data.chance]),
  ].filter(Number.isFinite);
  const positive = heights.filter((y) => y > 0);
  const logarithmic =
    !isShare && heights.every((y) => y >= 0) && Math.max(...positive) > 300 * Math.min(...positive);
  const [least, most] = [Math.min(...(logarithmic ? positive : heights)), Math.max(...heights)];
  const low = logarithmic ? least / 1.3 : least - 0.08 * (most - least);
  const high = logarithmic ? most * 1.3 : most + 0.1 * (most - least);
  const tac = data.overheadAtTarget["tac"] ?? 1;
  const squareRoot = tac < 0.06 * limit;
  const along = (x: number) => (squareRoot ? Math.sqrt(x / limit) : x / limit);
  const [bottom, top] = isShare
    ? [Math.max(0, low), Math.min(1.02, high)]
    : [heights.every((y) => y >= 0) ? Math.max(0, low) : low, high];
  const level = (y: number) => (logarithmic ? Math.log(y) : y);
  const up = (y: number) =>
    (level(Math.min(Math.max(y, bottom), top)) - level(bottom)) / (level(top) - level(bottom));
  return {
    limit,
    low: bottom,
    high: top,
    squareRoot,
    logarithmic,
    px: (x) => frame.marginLeft + along(x) * (frame.width - frame.marginRight - frame.marginLeft),
    py: (y) =>
      frame.height - frame.marginBottom - up(y) * (frame.height - frame.marginBottom - frame.marginTop),
  };
}
