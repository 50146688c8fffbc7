/**
 * @file Chips by their score under one plan: which keep the target.
 */
import * as Plot from "@observablehq/plot";
import type { MeasureDescription } from "../../measure/index.ts";
import { formatCount, formatNumber, formatPercent, formatScore } from "../numbers.ts";
import { capital } from "../words.ts";
import { drawPlot, halo, makeFrame } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { estimatedWidth } from "./labels.ts";
import { colour } from "./theme.ts";

/** What the picture shows. */
export interface YieldData {
  /** Lower end of the first bin, and the width of each. */
  readonly from: number;
  readonly width: number;
  /** [bins] chips. */
  readonly counts: readonly number[];
  readonly target: number;
  readonly clean: number;
  readonly measure: Pick<MeasureDescription, "title" | "unit" | "higherIsBetter">;
  /** Share of chips that keep the target, with its interval. */
  readonly yield: { readonly estimate: number; readonly low: number; readonly high: number } | undefined;
}

/** Whole numbers up to the tallest bar, about five. */
function wholeTicks(tallest: number): number[] {
  const rough = Math.max(1, tallest / 5);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((n) => n * power >= rough)!;
  return Array.from({ length: Math.floor(tallest / step) + 1 }, (_, i) => i * step);
}

/** A histogram of chips, those that miss the target drawn open. */
export function yieldChart(data: YieldData, options: ChartOptions): SVGSVGElement {
  const { from, width, counts, target, clean, measure } = data;
  const frame = makeFrame(options, { wide: 314, compact: 274 }, { marginTop: 54 });
  const { unit, higherIsBetter } = measure;
  const chips = counts.reduce((a, b) => a + b, 0);
  const bins = counts.map((count, i) => {
    const [low, high] = [from + i * width, from + (i + 1) * width];
    const middle = (low + high) / 2;
    return { low, high, count, isKept: higherIsBetter ? middle >= target : middle <= target };
  });
  const isCleanNear = unit !== "dB" && Number.isFinite(clean);
  const ends = [...bins.flatMap((b) => [b.low, b.high]), target, ...(isCleanNear ? [clean] : [])];
  const margin = 0.04 * (Math.max(...ends) - Math.min(...ends)) || width;
  const [least, most] = [Math.min(...ends) - margin, Math.max(...ends) + margin];
  const tallest = Math.max(1, ...counts);
  const right = frame.width - frame.marginRight;
  const px = (x: number) => frame.marginLeft + ((x - least) / (most - least)) * (right - frame.marginLeft);
  const score = (x: number) => formatScore(x, unit);
  const unitText = unit === "share" ? " (%)" : unit === "" ? "" : ` (${unit})`;
  const words =
    data.yield === undefined
      ? ""
      : `yield ${formatPercent(data.yield.estimate)} (${formatPercent(data.yield.low)} to ${formatPercent(data.yield.high)})`;
  const label = (x: number, text: string, dy: number) => {
    const isLeft = px(x) + estimatedWidth(text) + 8 > right;
    return Plot.text([text], {
      x: [x],
      text: (d: string) => d,
      frameAnchor: "top",
      textAnchor: isLeft ? "end" : "start",
      dx: isLeft ? -4 : 4,
      dy,
      fill: colour("ink"),
      ...halo,
    });
  };
  return drawPlot(
    frame,
    {
      id: "yield",
      label: `${formatCount(chips)} chips by ${measure.title}; target ${score(target)}, clean ${score(clean)}${words === "" ? "" : `; ${words}`}. ${bins
        .filter((b) => b.count > 0)
        .map((b) => `${score(b.low)} to ${score(b.high)}: ${b.count}`)
        .join(", ")}.`,
    },
    {
      x: {
        domain: [least, most],
        label: `${capital(measure.title)} of a chip${unitText}`,
        labelArrow: "right",
        tickFormat: (d: number) => formatNumber(unit === "share" ? 100 * d : d),
        ticks: frame.compact ? 5 : 8,
      },
      y: {
        domain: [0, 1.05 * tallest],
        label: "chips",
        ticks: wholeTicks(tallest),
        grid: true,
        tickFormat: (d: number) => formatNumber(d),
      },
      marks: [
        Plot.rectY(bins, {
          x1: "low",
          x2: "high",
          y1: 0,
          y2: "count",
          insetLeft: 0.5,
          insetRight: 0.5,
          fill: (b: (typeof bins)[number]) => (b.isKept ? colour("accent") : colour("tint")),
          stroke: (b: (typeof bins)[number]) => (b.isKept ? colour("accent") : colour("warm")),
        }),
        Plot.ruleY([0], { stroke: colour("ink") }),
        Plot.ruleX([target], { stroke: colour("ink"), strokeDasharray: "4 3" }),
        ...(isCleanNear ? [Plot.ruleX([clean], { stroke: colour("green"), strokeWidth: 2 })] : []),
        label(target, `target ${score(target)}`, -14),
        ...(isCleanNear ? [label(clean, `clean ${score(clean)}`, -28)] : []),
        Plot.text([words], {
          text: (d: string) => d,
          frameAnchor: "top-right",
          dy: -46,
          fontWeight: 700,
          fill: colour("ink"),
        }),
      ],
    },
  );
}
