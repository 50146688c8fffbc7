/**
 * @file Accuracy, or the score under another measure, against overhead: a curve a policy, with the overheads that keep
 * the target.
 */
import * as Plot from "@observablehq/plot";
import type { CurvePoint } from "../../planning/index.ts";
import { formatNumber, formatPercent, formatScore } from "../numbers.ts";
import { capital } from "../words.ts";
import { makeScales, upTo, type AccuracyData, type Height, type Scales } from "./accuracy-scales.ts";
import { crossingMarks } from "./crossings.ts";
import { drawPlot, halo, labelMarks, leaderMarks, makeFrame } from "./frame.ts";
import type { ChartOptions, Frame } from "./options.ts";
import {
  estimatedWidth,
  labelBox,
  leastCovering,
  namedTogether,
  namePoints,
  placeLabels,
  type Box,
  type Point,
} from "./labels.ts";
import { colour, policyStyle } from "./theme.ts";

/** The picture in words. */
function accuracyWords(data: AccuracyData): string {
  const crossings = Object.entries(data.overheadAtTarget).map(([name, overhead]) =>
    overhead < 1
      ? `${policyStyle(name).label} reaches it with ${formatPercent(overhead)}`
      : `${policyStyle(name).label} does not reach it below full protection`,
  );
  return `${capital(data.measure.title)} against overhead under each policy. Clean ${formatScore(data.clean, data.measure.unit)}, target ${formatScore(data.target, data.measure.unit)}${data.isWhole === true ? "; between the overheads tried" : ""}: ${crossings.join("; ")}.`;
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
  return { rules, words, boxes, lines: levels };
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
  const drawn = data.policies.map(({ points }) =>
    upTo(points, limit).map((p): Point => [px(p.overhead), py(p.accuracy)]),
  );
  const crossings = crossingMarks(data, frame, scales, drawn);
  const order = ["tac", "uniform-msp", "random", "magnitude"];
  const rank = (name: string) => (order.indexOf(name) + order.length) % (order.length + 1);
  const named = data.policies
    .map((curve) => ({ name: curve.name, points: upTo(curve.points, limit) }))
    .filter((curve) => curve.points.length > 0)
    .sort((a, b) => rank(a.name) - rank(b.name));
  const inside = {
    left: frame.marginLeft + 3,
    right: frame.width - frame.marginRight,
    top: frame.marginTop,
    bottom: frame.height - frame.marginBottom,
  };
  const taken = [...references.boxes, ...crossings.boxes];
  const spots = named.flatMap(({ name, points: [point, second] }) =>
    point === undefined || second !== undefined
      ? []
      : [{ name: policyStyle(name).label, spot: [px(point.overhead), py(point.accuracy)] as const }],
  );
  const singles = namePoints(namedTogether(spots), [...drawn, ...references.lines], inside, taken);
  const labels = placeLabels(
    named
      .filter(({ points }) => points.length > 1)
      .map(({ name, points }) => ({
        name: policyStyle(name).label,
        points: points.map((p) => [px(p.overhead), py(p.accuracy)] as const),
      })),
    inside,
    [...taken, ...singles.map(labelBox)],
  );
  const styles = named.map(({ name }) => policyStyle(name));
  const styleOf = (name: string) =>
    styles.find(({ label }) => label === name || name.startsWith(`${label},`))!;
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
        ...leaderMarks(singles, frame),
        ...labelMarks([...labels, ...singles], frame, (name) => colour(styleOf(name).colour)),
      ],
    },
  );
}
