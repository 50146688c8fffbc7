/**
 * @file Where curves meet their target: the overheads, their intervals, their ratio.
 */
import * as Plot from "@observablehq/plot";
import { formatPercent, formatTimes } from "../numbers.ts";
import type { AccuracyData, Scales } from "./accuracy-scales.ts";
import { halo } from "./frame.ts";
import { estimatedWidth, leastCovering, type Box, type Point } from "./labels.ts";
import type { Frame } from "./options.ts";
import { colour, policyStyle } from "./theme.ts";

/** The overhead at which a policy keeps the target, and the interval of it. */
function crossing(data: AccuracyData, name: string) {
  const overhead = data.overheadAtTarget[name];
  if (overhead === undefined || !(overhead < 1)) return undefined;
  const [low, high] = data.overheadInterval[name] ?? [overhead, overhead];
  return { name, overhead, low, high, style: policyStyle(name) };
}

/** Where the figure of a crossing may stand: beside its line, at the foot first. */
function placesAt(x: number, width: number, bottom: number) {
  const place = (isRight: boolean, dy: number) => {
    const left = isRight ? x + 3 : x - 5 - width;
    const box = { left, right: left + width + 2, top: bottom + dy - 8, bottom: bottom + dy + 8 };
    return { box, isRight, dy };
  };
  const rows = [-10, -26, -42, -58].flatMap((dy) => [place(true, dy), place(false, dy)]);
  return [rows[0]!, ...rows.slice(1)] as const;
}

/**
 * Marks of the overheads that keep the target, and of their ratio; and the boxes that their words take.
 *
 * @param curves what is drawn, in pixels: figures cover it only where nothing is free
 */
export function crossingMarks(
  data: AccuracyData,
  frame: Frame,
  scales: Scales,
  curves: readonly (readonly Point[])[],
) {
  const { low, high, limit, px } = scales;
  const found = ["tac", "uniform-msp"].flatMap((name) => crossing(data, name) ?? []);
  const bottom = frame.height - frame.marginBottom;
  const inside = {
    left: frame.marginLeft,
    right: frame.width - frame.marginRight,
    top: frame.marginTop,
    bottom,
  };
  const lines = found.map(({ overhead }): Point[] => [
    [px(overhead), frame.marginTop],
    [px(overhead), bottom],
  ]);
  const boxes: Box[] = [];
  const marks: Plot.Markish[] = found.flatMap(({ overhead, low: from, high: to, style }) => {
    const words = formatPercent(overhead);
    const places = placesAt(px(overhead), estimatedWidth(words), bottom);
    const { box, isRight, dy } = leastCovering(places, [...curves, ...lines], inside, boxes);
    boxes.push(box);
    return [
      Plot.ruleX([overhead], { y1: low, y2: high, stroke: colour(style.colour), strokeDasharray: "2 2" }),
      Plot.ruleY([data.target], {
        x1: Math.max(0, from),
        x2: Math.min(limit, to),
        stroke: colour(style.colour),
        strokeWidth: 7,
        strokeOpacity: 0.45,
      }),
      Plot.text([words], {
        x: [overhead],
        y: [low],
        text: (d: string) => d,
        textAnchor: isRight ? "start" : "end",
        dx: isRight ? 4 : -4,
        dy,
        fill: colour(style.colour),
        fontWeight: 700,
        ...halo,
      }),
    ];
  });
  const [tac, uniform] = found;
  if (tac?.name === "tac" && uniform !== undefined && tac.overhead > 0 && Number.isFinite(data.ratio)) {
    const [from, to] = data.ratioInterval;
    const words = `${formatTimes(data.ratio)} times${data.ratio >= 1 ? " less" : ""}${from === null || !Number.isFinite(to) ? "" : ` [${formatTimes(from)}, ${formatTimes(to)}]`}`;
    const middle = (px(tac.overhead) + px(uniform.overhead)) / 2;
    const half = estimatedWidth(words) / 2;
    const inside = Math.min(
      Math.max(middle, frame.marginLeft + half),
      frame.width - frame.marginRight - half,
    );
    marks.push(
      Plot.arrow([0], {
        x1: uniform.overhead,
        x2: tac.overhead,
        y1: high,
        y2: high,
        dy: -7,
        stroke: colour("ink"),
        strokeWidth: 1.5,
        headLength: 8,
      }),
      Plot.text([words], {
        frameAnchor: "top-left",
        textAnchor: "middle",
        dx: inside - frame.marginLeft,
        dy: -27,
        text: (d: string) => d,
        fontWeight: 700,
        fill: colour("ink"),
      }),
    );
  }
  return { marks, boxes };
}
