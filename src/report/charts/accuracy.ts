/**
 * @file Accuracy, or the score under another measure, against overhead: a curve a policy, with the overheads that keep
 * the target.
 */
import * as Plot from "@observablehq/plot";
import type { Comparison, CurvePoint } from "../../planning/index.ts";
import { formatNumber, formatPercent, formatScore, formatTimes } from "../numbers.ts";
import { capital } from "../words.ts";
import { drawPlot, halo, labelMarks, makeFrame, type Frame } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { estimatedWidth, leastCovering, placeLabels, type Box, type Point } from "./labels.ts";
import { colour, policyStyle } from "./theme.ts";

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

type Height = Pick<CurvePoint, "overhead" | "accuracy" | "low" | "high">;

/** The curve up to a limit, cut there by interpolation. */
function upTo(points: readonly Height[], limit: number): Height[] {
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

interface Scales {
  readonly limit: number;
  readonly low: number;
  readonly high: number;
  readonly squareRoot: boolean;
  /** Whether scores are drawn on a logarithmic scale. */
  readonly logarithmic: boolean;
  readonly px: (overhead: number) => number;
  readonly py: (accuracy: number) => number;
}

function makeScales(data: AccuracyData, frame: Frame): Scales {
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

/** The picture in words. */
function accuracyWords(data: AccuracyData): string {
  const crossings = Object.entries(data.overheadAtTarget).map(([name, overhead]) =>
    overhead < 1
      ? `${policyStyle(name).label} reaches it with ${formatPercent(overhead)}`
      : `${policyStyle(name).label} does not reach it below full protection`,
  );
  return `${capital(data.measure.title)} against overhead under each policy. Clean ${formatScore(data.clean, data.measure.unit)}, target ${formatScore(data.target, data.measure.unit)}${data.isWhole === true ? "; between the overheads tried" : ""}: ${crossings.join("; ")}.`;
}

/** The overhead at which a policy keeps the target, and the interval of it. */
function crossing(data: AccuracyData, name: string) {
  const overhead = data.overheadAtTarget[name];
  if (overhead === undefined || !(overhead < 1)) return undefined;
  const [low, high] = data.overheadInterval[name] ?? [overhead, overhead];
  return { name, overhead, low, high, style: policyStyle(name) };
}

/** Marks of the overheads that keep the target, and of their ratio; and the boxes that their words take. */
function crossingMarks(data: AccuracyData, frame: Frame, scales: Scales) {
  const { low, high, limit, px } = scales;
  const found = ["tac", "uniform-msp"].flatMap((name) => crossing(data, name) ?? []);
  const bottom = frame.height - frame.marginBottom;
  const boxes: Box[] = [];
  const marks: Plot.Markish[] = found.flatMap(({ overhead, low: from, high: to, style }) => {
    const words = formatPercent(overhead);
    const room = px(overhead) + 8 + estimatedWidth(words) < frame.width - frame.marginRight;
    boxes.push({
      left: room ? px(overhead) : px(overhead) - 12 - estimatedWidth(words),
      right: room ? px(overhead) + 12 + estimatedWidth(words) : px(overhead),
      top: bottom - 22,
      bottom,
    });
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
        textAnchor: room ? "start" : "end",
        dx: room ? 4 : -4,
        dy: -10,
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

/** Clean score, target and chance as horizontal lines, their names where no curve is: at the left if there is room. */
function referenceMarks(data: AccuracyData, frame: Frame, scales: Scales) {
  const { unit, higherIsBetter } = data.measure;
  const score = (y: number) => formatScore(y, unit);
  const share = unit === "share" && higherIsBetter && !frame.compact;
  const isAtBottom = scales.py(data.clean) > frame.height - frame.marginBottom - 20;
  const above = higherIsBetter || isAtBottom;
  const lines = [
    ...(unit === "dB" ? [] : [{ y: data.clean, dash: "none", words: `clean ${score(data.clean)}`, above }]),
    {
      y: data.target,
      dash: "6 3",
      words: `target ${score(data.target)}${share ? ` (${formatPercent(data.keep)} of clean)` : ""}`,
      above: !higherIsBetter,
    },
    ...(data.chance === undefined
      ? []
      : [{ y: data.chance, dash: "1 3", words: `chance ${score(data.chance)}`, above: true }]),
  ];
  const right = frame.width - frame.marginRight;
  const tac = data.overheadAtTarget["tac"];
  const room = scales.px(Math.min(scales.limit, tac ?? 0)) - frame.marginLeft - 24;
  const curves = data.policies.map(({ points }) =>
    upTo(points, scales.limit).map((p): Point => [scales.px(p.overhead), scales.py(p.accuracy)]),
  );
  const levels = lines.map(({ y }): Point[] => [
    [frame.marginLeft, scales.py(y)],
    [right, scales.py(y)],
  ]);
  const inside = { left: frame.marginLeft, right, top: 0, bottom: frame.height - frame.marginBottom };
  const boxes: Box[] = [];
  const placed = lines.map((line) => {
    const width = estimatedWidth(line.words);
    const atLeft = width < room && line.y >= data.target;
    const place = (left: number, isAbove: boolean) => {
      const top = scales.py(line.y) + (isAbove ? -17 : 2);
      return { box: { left, right: left + width, top, bottom: top + (isAbove ? 15 : 16) }, isAbove };
    };
    const start = frame.marginLeft + 4;
    const more = Array.from({ length: Math.max(0, Math.ceil((right - width - start) / 12)) }, (_, i) =>
      [line.above, !line.above].map((isAbove) => place(start + 12 * i, isAbove)),
    ).flat();
    const usual = place(atLeft ? start : right - width, line.above);
    const found = leastCovering([usual, ...more], [...curves, ...levels], inside, boxes);
    boxes.push(found.box);
    return { ...line, ...found, isUsual: found === usual, atLeft };
  });
  const rules = lines.map(({ y, dash }) =>
    Plot.ruleY([y], { stroke: colour("muted"), strokeDasharray: dash, strokeWidth: 1.2 }),
  );
  const words = placed.map(({ y, words: text, box, isAbove, isUsual, atLeft }) =>
    Plot.text([text], {
      y: [y],
      frameAnchor: isUsual && !atLeft ? "right" : "left",
      dx: isUsual && !atLeft ? 0 : box.left - frame.marginLeft,
      dy: isAbove ? -9 : 10,
      text: (d: string) => d,
      fill: colour("muted"),
      ...halo,
    }),
  );
  return { rules, words, boxes };
}

/** The curves: bands of the intervals, lines, symbols. */
function curveMarks(data: AccuracyData, { limit, low, high }: Scales): Plot.Markish[] {
  const score = (y: number) => formatScore(y, data.measure.unit);
  return data.policies
    .map((curve) => ({
      style: policyStyle(curve.name),
      points: curve.points,
      shown: upTo(curve.points, limit),
    }))
    .reverse()
    .flatMap(({ style, points, shown }) => {
      const stroke = colour(style.colour);
      const inside = (y: number) => Math.min(Math.max(y, low), high);
      const [y, y1, y2] = [
        (p: Height) => inside(p.accuracy),
        (p: Height) => inside(p.low),
        (p: Height) => inside(p.high),
      ];
      const measured = points.filter((p) => p.overhead <= limit);
      const line = [
        Plot.areaY(shown, { x: "overhead", y1, y2, fill: stroke, fillOpacity: 0.15 }),
        Plot.line(shown, {
          x: "overhead",
          y,
          stroke,
          strokeWidth: style.width,
          strokeDasharray: style.dash,
        }),
      ];
      return [
        ...(shown.length > 1 ? line : []),
        Plot.ruleX(measured, { x: "overhead", y1, y2, stroke, strokeWidth: 1 }),
        Plot.dot(measured, {
          x: "overhead",
          y,
          symbol: style.symbol,
          r: 3.4,
          fill: style.symbol === "times" || style.symbol === "plus" ? "none" : stroke,
          stroke,
          strokeWidth: 1.5,
          title: (p: CurvePoint) =>
            `${style.label}\noverhead ${formatPercent(p.overhead)}\n${data.measure.title} ${score(p.accuracy)} [${score(p.low)}, ${score(p.high)}]\nyield ${formatPercent(p.yield)}`,
        }),
      ];
    });
}

/** Accuracy against overhead under every policy, with intervals, target, clean score, and the ratio at the target. */
export function accuracyChart(data: AccuracyData, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 440, compact: 380 }, { marginTop: 54 });
  const scales = makeScales(data, frame);
  const { limit, low, high, squareRoot, logarithmic, px, py } = scales;
  const { title, unit } = data.measure;
  const unitText = unit === "share" ? " (%)" : unit === "" ? "" : ` (${unit})`;
  const references = referenceMarks(data, frame, scales);
  const crossings = crossingMarks(data, frame, scales);
  const order = ["tac", "uniform-msp", "random", "magnitude"];
  const rank = (name: string) => (order.indexOf(name) + order.length) % (order.length + 1);
  const named = data.policies
    .map((curve) => ({ name: curve.name, points: upTo(curve.points, limit) }))
    .filter((curve) => curve.points.length > 0)
    .sort((a, b) => rank(a.name) - rank(b.name));
  const labels = placeLabels(
    named.map(({ name, points }) => ({
      name: policyStyle(name).label,
      points: points.map((p) => [px(p.overhead), py(p.accuracy)] as const),
    })),
    {
      left: frame.marginLeft + 3,
      right: frame.width - frame.marginRight,
      top: frame.marginTop,
      bottom: frame.height - frame.marginBottom,
    },
    [...references.boxes, ...crossings.boxes],
  );
  const styleOf = new Map(named.map(({ name }) => [policyStyle(name).label, policyStyle(name)]));
  return drawPlot(
    frame,
    { id: "accuracy", label: accuracyWords(data) },
    {
      x: {
        type: squareRoot ? "sqrt" : "linear",
        domain: [0, limit],
        label: `${frame.compact ? "overhead" : "overhead: protected bits"} (% of stored bits${squareRoot ? ", square-root scale" : ""})`,
        labelArrow: "right",
        tickFormat: (d: number) => formatNumber(100 * d),
        ticks: frame.compact ? 5 : 8,
        nice: false,
      },
      y: {
        type: logarithmic ? "log" : "linear",
        domain: [low, high],
        label: `${title}${unitText}${logarithmic ? ", logarithmic scale" : ""}`,
        tickFormat: (d: number) => formatNumber(unit === "share" ? 100 * d : d),
        ticks: 6,
        grid: true,
      },
      marks: [
        ...references.rules,
        ...curveMarks(data, scales),
        ...crossings.marks,
        ...references.words,
        ...labelMarks(labels, frame, (name) => colour(styleOf.get(name)!.colour)),
      ],
    },
  );
}
