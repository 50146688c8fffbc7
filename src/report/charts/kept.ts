/**
 * @file Predicted accuracy against overhead: a curve a policy, the share to keep, and the budget that is looked at.
 */
import * as Plot from "@observablehq/plot";
import { formatNumber, formatPercent } from "../numbers.ts";
import { drawPlot, halo, labelMarks, makeFrame } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { estimatedWidth, leastCovering, placeLabels, type Box, type Point } from "./labels.ts";
import { colour, policyStyle } from "./theme.ts";

/** What the picture shows. */
export interface KeptData {
  readonly curves: readonly {
    readonly policy: string;
    readonly overhead: readonly number[];
    /** Share of the clean expected accuracy. */
    readonly kept: readonly number[];
  }[];
  /** The share that is to be kept. */
  readonly keep: number;
  /** Budgets that are looked at. */
  readonly chosen: readonly {
    readonly policy: string;
    /** What it is called beside its point. */
    readonly name?: string;
    readonly overhead: number;
    /** Undefined while it is worked out. */
    readonly kept: number | undefined;
  }[];
}

/** Where the axis ends: beyond what the curves need for the share, and beyond what is looked at. */
function limitOf({ curves, keep, chosen }: KeptData): number {
  const needed = curves.map(({ overhead, kept }) => overhead[kept.findIndex((k) => k >= keep)] ?? 1);
  const least = Math.max(0.3, ...needed.map((o) => 1.35 * o), ...chosen.map((c) => 1.05 * c.overhead));
  return Math.min(1, Math.ceil(least * 20) / 20);
}

/** The part of a curve up to a limit. */
function upTo({ overhead, kept }: KeptData["curves"][number], limit: number) {
  const points: { x: number; y: number }[] = [];
  for (const [i, x] of overhead.entries()) {
    const y = kept[i]!;
    const before = points.at(-1);
    if (x > limit) {
      if (before !== undefined && before.x < limit) {
        points.push({ x: limit, y: before.y + ((limit - before.x) / (x - before.x)) * (y - before.y) });
      }
      break;
    }
    points.push({ x, y });
  }
  return points;
}

/** Words on the line of the share to keep, where no curve crosses them: above or below it, rather at the left. */
function targetPlace(words: string, y: number, curves: readonly (readonly Point[])[], inside: Box) {
  const width = estimatedWidth(words) + 8;
  const steps = Math.max(1, Math.floor((inside.right - inside.left - width) / 12));
  const places = Array.from({ length: steps }, (_, i) => inside.left + 12 * i).flatMap((left) =>
    [-18, 2].map((dy) => ({ box: { left, right: left + width, top: y + dy, bottom: y + dy + 16 } })),
  );
  const [first, ...rest] = places;
  return { words, ...leastCovering([first!, ...rest], curves, inside) };
}

/** Words of a point: whole, or the figure alone where there is little room. */
interface PointWords {
  readonly long: string;
  readonly short: string;
}

/**
 * Where the words of a point may stand: beside it, whole or in short, or farther down beside the line from it to the
 * axis; on its own side of the line of the share to keep, since they would belie it on the other.
 */
function placesBeside([x, y]: Point, { long, short }: PointWords, level: number, bottom: number) {
  const place = (words: string, isRight: boolean, dy: number) => {
    const width = estimatedWidth(words);
    const left = isRight ? x + 8 : x - 12 - width;
    const box = { left, right: left + width + 4, top: y + dy - 8, bottom: y + dy + 8 };
    return { words, box, isRight, dy };
  };
  const both = (words: string, dy: number) => [place(words, true, dy), place(words, false, dy)];
  const near = (words: string) => [14, -14, -26].flatMap((dy) => both(words, dy));
  const down = Array.from(
    { length: Math.max(0, Math.floor((bottom - y - 34) / 12) + 1) },
    (_, i) => 26 + 12 * i,
  );
  const all = [...near(long), ...near(short), ...down.flatMap((dy) => both(long, dy))];
  const own = all.filter(({ box }) => (y <= level ? box.bottom <= level : box.top >= level));
  const [first, ...rest] = own.length > 0 ? own : all;
  return [first!, ...rest] as const;
}

/** Predicted share of the clean accuracy against overhead. */
export function keptChart(data: KeptData, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 320, compact: 280 });
  const limit = limitOf(data);
  const curves = data.curves.map((curve) => ({
    name: curve.policy,
    style: policyStyle(curve.policy),
    points: upTo(curve, limit),
  }));
  const heights = [
    ...curves.flatMap((c) => c.points.map((p) => p.y)),
    ...data.chosen.flatMap((c) => c.kept ?? []),
    data.keep,
  ];
  const low = Math.max(0, Math.floor(10 * Math.min(...heights) - 0.2) / 10);
  // Above the curves there is room for the words of a point that keeps more than is asked.
  const high = Math.max(1, ...heights) + 0.1 * (1 - low);
  const right = frame.width - frame.marginRight;
  const bottom = frame.height - frame.marginBottom;
  const px = (x: number) => frame.marginLeft + (x / limit) * (right - frame.marginLeft);
  const py = (y: number) => bottom - ((y - low) / (high - low)) * (bottom - frame.marginTop);
  const inside = { left: frame.marginLeft, right, top: frame.marginTop - 8, bottom };
  const drawn = curves.map(({ points }) => points.map((p): Point => [px(p.x), py(p.y)]));
  const target = targetPlace(`to keep: ${formatPercent(data.keep)}`, py(data.keep), drawn, inside);
  const looked = data.chosen.flatMap(({ policy, name, overhead, kept }) => {
    if (kept === undefined) return [];
    const start = name === undefined ? "" : `${name}: `;
    const long = `${start}${formatPercent(overhead)} protected, ${formatPercent(kept)} kept`;
    const short = `${start}${formatPercent(kept)}`;
    return [
      {
        overhead,
        kept,
        long,
        short: frame.compact ? short : `${short} kept`,
        style: policyStyle(policy),
        spot: [px(overhead), py(kept)] as const,
      },
    ];
  });
  const level = py(data.keep);
  const lines: Point[][] = [
    ...drawn,
    [
      [frame.marginLeft, level],
      [right, level],
    ],
  ];
  const boxes = [
    target.box,
    ...looked.map(({ spot: [x, y] }) => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 })),
  ];
  const chosen = looked.map((point) => {
    const others = looked.filter((other) => other !== point);
    const drops = others.map(({ spot: [x, y] }): Point[] => [
      [x, y],
      [x, bottom],
    ]);
    const places = placesBeside(
      point.spot,
      frame.compact ? { ...point, long: point.short } : point,
      level,
      bottom,
    );
    const place = leastCovering(places, [...lines, ...drops], inside, boxes);
    boxes.push(place.box);
    return { ...point, ...place };
  });
  const labels = placeLabels(
    curves.map(({ style }, i) => ({ name: style.label, points: drawn[i]! })),
    { ...inside, left: frame.marginLeft + 3, top: frame.marginTop },
    boxes,
  );
  const styleOf = new Map(curves.map(({ style }) => [style.label, style]));
  return drawPlot(
    frame,
    {
      id: "kept",
      label: `Predicted share of the clean accuracy against overhead under ${curves.map((c) => c.style.label).join(", ") || "no policy"}, to keep ${formatPercent(data.keep)}. ${chosen.map((c) => `${c.long}.`).join(" ")}`,
    },
    {
      x: {
        domain: [0, limit],
        label: `${frame.compact ? "overhead" : "overhead: protected bits"} (% of stored bits)`,
        labelArrow: "right",
        tickFormat: (d: number) => formatNumber(100 * d),
        ticks: frame.compact ? 5 : 8,
      },
      y: {
        domain: [low, high],
        label: "accuracy kept, predicted (% of the clean network's)",
        tickFormat: (d: number) => formatNumber(100 * d),
        ticks: 6,
        grid: true,
      },
      marks: [
        Plot.ruleY([data.keep], { stroke: colour("ink"), strokeDasharray: "4 3" }),
        Plot.text([target.words], {
          frameAnchor: "top-left",
          lineAnchor: "middle",
          dx: target.box.left + 6 - frame.marginLeft,
          dy: (target.box.top + target.box.bottom) / 2 - frame.marginTop,
          text: (d: string) => d,
          fill: colour("ink"),
          ...halo,
        }),
        ...curves.map(({ style, points }) =>
          Plot.line(points, {
            x: "x",
            y: "y",
            stroke: colour(style.colour),
            strokeWidth: style.width,
            strokeDasharray: style.dash,
          }),
        ),
        ...labelMarks(labels, frame, (name) => colour(styleOf.get(name)!.colour)),
        ...chosen.flatMap(({ overhead, kept, words, isRight, dy, style }) => [
          Plot.ruleX([overhead], { y1: low, y2: kept, stroke: colour("muted"), strokeDasharray: "2 2" }),
          Plot.dot([0], {
            x: [overhead],
            y: [kept],
            r: 6,
            symbol: style.symbol,
            fill: colour("paper"),
            stroke: colour(style.colour),
            strokeWidth: 2.5,
          }),
          Plot.text([words], {
            x: [overhead],
            y: [kept],
            text: (d: string) => d,
            textAnchor: isRight ? "start" : "end",
            dx: isRight ? 10 : -10,
            dy,
            fontWeight: 650,
            fill: colour("ink"),
            ...halo,
          }),
        ]),
      ],
    },
  );
}
