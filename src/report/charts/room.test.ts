/** @file Words in pictures have room: they cover neither each other nor the lines that a reader follows. */
import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { sampleComparison, sampleLaw } from "../../../test/report-sample.ts";
import {
  accuracyChart,
  bitShareChart,
  driftChart,
  keptChart,
  protectionMap,
  waveChart,
  yieldChart,
} from "./index.ts";
import { parseDevice } from "../../physics/index.ts";
import { builtInMeasure } from "../../measure/index.ts";
import { deviceSection } from "../collect.ts";
import { leastCovering, type Box } from "./labels.ts";
import { policyStyle } from "./theme.ts";

const { document } = new JSDOM("").window;
const widths = [340, 520, 720, 860];

/** Where an element stands in its picture. */
function origin(node: Element | null): [x: number, y: number] {
  if (node === null || node.tagName === "svg") return [0, 0];
  const [, dx, dy] = /translate\(([-\d.]+),\s*([-\d.]+)\)/.exec(node.getAttribute("transform") ?? "") ?? [];
  const [x, y] = origin(node.parentElement);
  return [x + Number(dx ?? 0), y + Number(dy ?? 0)];
}

/** An attribute of an element or of what it lies in. */
const inherited = (node: Element | null, name: string): string | null =>
  node === null ? null : (node.getAttribute(name) ?? inherited(node.parentElement, name));

const shifts: Readonly<Record<string, number>> = { start: 0, middle: -0.5, end: -1 };

/** The words of a picture with boxes as narrow as letters of 6 pixels make them, without the axes. */
function words(svg: SVGSVGElement): { words: string; box: Box }[] {
  return Array.from(svg.querySelectorAll("g.text text"), (text) => {
    const size = Number.parseFloat(inherited(text, "font-size") ?? "12");
    const own = text.textContent ?? "";
    const width = (6 * own.length * size) / 12;
    const [x, y] = origin(text);
    const left = x + width * shifts[inherited(text, "text-anchor") ?? "middle"]!;
    return { words: own, box: { left, right: left + width, top: y - size / 2, bottom: y + size / 2 } };
  });
}

const isOver = (a: Box, b: Box) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function overlapping(svg: SVGSVGElement): string[] {
  const all = words(svg);
  return all.flatMap((a, i) =>
    all
      .slice(i + 1)
      .filter((b) => isOver(a.box, b.box))
      .map((b) => `${a.words} | ${b.words}`),
  );
}

/** Points of the curves of a picture, a few to a pixel. */
function curvePoints(svg: SVGSVGElement): (readonly [number, number])[] {
  return Array.from(svg.querySelectorAll("g.line path")).flatMap((path) => {
    const ends = (path.getAttribute("d") ?? "")
      .split(/[ML]/)
      .slice(1)
      .map((pair) => pair.split(",").map(Number));
    return ends.slice(1).flatMap(([x1, y1], i) => {
      const [x0, y0] = ends[i]!;
      return Array.from({ length: 200 }, (_, k) => {
        const along = (k + 0.5) / 200;
        return [x0! + along * (x1! - x0!), y0! + along * (y1! - y0!)] as const;
      });
    });
  });
}

/** What a network of few tensors does: TAC rises at once, random in leaps. */
const curves = [
  { policy: "tac", overhead: [0, 0.05, 0.1, 0.2, 0.5, 1], kept: [0.53, 0.81, 0.88, 0.963, 0.999, 1] },
  { policy: "uniform-msp", overhead: [0, 0.125, 0.25, 0.5, 1], kept: [0.53, 0.79, 0.93, 0.998, 1] },
  {
    policy: "random",
    overhead: [0, 0.17, 0.2, 0.3, 0.5, 0.8, 0.88, 1],
    kept: [0.53, 0.54, 0.73, 0.8, 0.8, 0.85, 1, 1],
  },
];

/** What TAC keeps between the points of its curve. */
function tacAt(x: number): number {
  const { overhead, kept } = curves[0]!;
  const after = overhead.findIndex((o) => o >= x);
  const [x0, x1, y0, y1] = [overhead[after - 1]!, overhead[after]!, kept[after - 1]!, kept[after]!];
  return y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

describe("the words of what is kept", () => {
  // Where three curves begin, no place is free for long words.
  it.each(
    widths.flatMap((width) =>
      [0.02, 0.2, 0.3, 0.6].flatMap((overhead) =>
        (overhead < 0.05 ? [1, 2] : [1, 2, 3]).map((shown) => ({ width, overhead, shown })),
      ),
    ),
  )("lie over no curve: $shown curves, $overhead at $width pixels", ({ width, overhead, shown }) => {
    const svg = keptChart(
      {
        curves: curves.slice(0, shown),
        keep: 0.95,
        chosen: [{ policy: "tac", overhead, kept: tacAt(overhead) }],
      },
      { document, width },
    );
    const names = new Set(curves.map(({ policy }) => policyStyle(policy).label));
    const free = words(svg).filter((own) => !names.has(own.words));
    expect(free.length).toBe(2);
    const points = curvePoints(svg);
    expect(points.length).toBeGreaterThan(500);
    const crossed = free.filter(({ box }) =>
      points.some(([x, y]) => x > box.left && x < box.right && y > box.top && y < box.bottom),
    );
    expect(crossed.map((own) => own.words)).toEqual([]);
    expect(overlapping(svg)).toEqual([]);
  });

  it.each(widths)("of two plans stand apart at %i pixels", (width) => {
    const chosen = [
      { policy: "tac", name: "A", overhead: 0.2, kept: 0.963 },
      { policy: "uniform-msp", name: "B", overhead: 0.22, kept: 0.91 },
    ];
    const svg = keptChart({ curves: curves.slice(0, 2), keep: 0.95, chosen }, { document, width });
    expect(words(svg).filter((own) => /^[AB]: /.test(own.words))).toHaveLength(2);
    expect(overlapping(svg)).toEqual([]);
  });
});

describe("the words of a point beside the share to keep", () => {
  it.each(
    widths.flatMap((width) =>
      [0.05, 0.1, 0.2, 0.25, 0.27, 0.45, 0.6].map((overhead) => ({ width, overhead, kept: tacAt(overhead) })),
    ),
  )("stand on its side of the line: $kept at $width pixels", ({ width, overhead, kept }) => {
    const chosen = [{ policy: "tac", name: "A", overhead, kept }];
    const svg = keptChart({ curves: curves.slice(0, 2), keep: 0.95, chosen }, { document, width });
    const { box } = words(svg).find((own) => own.words.startsWith("A: "))!;
    const line = svg.querySelector("g.rule line[stroke-dasharray], g.rule[stroke-dasharray] line")!;
    const level = origin(line)[1] + Number(line.getAttribute("y1"));
    expect(level).toBeGreaterThan(26);
    const middle = (box.top + box.bottom) / 2;
    expect(Math.sign(level - middle)).toBe(kept >= 0.95 ? 1 : -1);
    expect(box.top).toBeGreaterThan(0);
  });
});

describe("the map of protected bits", () => {
  it.each(
    widths.flatMap((width) =>
      [4, 8, 16].flatMap((bits) => [0.004, 0.3, 0.61, 0.995].map((share) => ({ width, bits, share }))),
    ),
  )("writes $share of a cell off its bar: $bits bits at $width pixels", ({ width, bits, share }) => {
    const shares = Array.from({ length: bits }, (_, k) => (k === bits - 1 ? share : 0));
    const row = { name: "w", operator: "Gemm", count: 1000, shares, decoder: "as stored", score: 1 };
    const svg = protectionMap([row], { document, width });
    const group = svg.querySelector("g.tensor")!;
    const number = (node: Element, name: string) => Number(node.getAttribute(name));
    const cell = Array.from(group.querySelectorAll("rect")).at(bits - 1)!;
    const bar = cell.nextElementSibling!;
    const figure = bar.nextElementSibling!;
    const [x, y, w] = [number(cell, "x"), number(cell, "y"), number(cell, "width")];
    expect(number(bar, "width")).toBeCloseTo(Math.max(1.5, w * share), 1);
    expect(number(figure, "y")).toBeLessThan(number(bar, "y"));
    expect(number(figure, "y") - 9).toBeGreaterThan(y);
    expect(figure.getAttribute("stroke")).toBeNull();
    const text = figure.textContent ?? "";
    expect(number(figure, "x")).toBeCloseTo(x + w / 2, 1);
    expect(5.5 * text.length).toBeLessThanOrEqual(w + 3);
    expect(text).toMatch(w >= 36 ? /^[<>]?\d+ %$/ : /^[<>]?\d+( %)?$/);
  });
});

it.each(widths)("writes the yield above the bars and beside the other words at %i pixels", (width) => {
  const measure = builtInMeasure("accuracy").description;
  const shares = { estimate: 0.925, low: 0.709, high: 0.996 };
  for (const [target, clean] of [
    [0.877, 0.923],
    [0.9, 0.905],
    [0.86, 0.861],
  ] as const) {
    const data = { from: 0.86, width: 0.0025, counts: [1, 0, 2, 9, 9, 9, 6, 8, 3], target, clean, measure };
    const svg = yieldChart({ ...data, yield: shares }, { document, width });
    const own = words(svg).find((word) => word.words.startsWith("yield"))!;
    const bars = Array.from(svg.querySelectorAll("g.rect rect"), (bar) => Number(bar.getAttribute("y")));
    expect(bars.length).toBeGreaterThan(5);
    expect(own.box.bottom).toBeLessThan(Math.min(...bars));
    expect(own.box.top).toBeGreaterThanOrEqual(0);
    expect(own.box.left).toBeGreaterThan(60);
    expect(overlapping(svg)).toEqual([]);
  }
});

it.each(widths)("writes the end of the wave above it at %i pixels", (width) => {
  for (const thicknessNm of [1.5, 2.67, 6]) {
    const { barrier } = deviceSection(
      parseDevice({ barrier: { material: "SiO2", thicknessNm }, energyEv: 0.2, holdS: 0.064 }),
    );
    const svg = waveChart(barrier!, { document, width });
    const own = words(svg).find((word) => word.words.endsWith("at the anode"))!;
    const under = curvePoints(svg).filter(([x]) => x > own.box.left && x < own.box.right);
    expect(under.length).toBeGreaterThan(10);
    expect(under.every(([, y]) => y > own.box.bottom)).toBe(true);
    expect(own.box.top).toBeGreaterThan(0);
  }
});

describe("the shares of bits", () => {
  const shares = (bits: number) => Array.from({ length: bits }, (_, k) => 0.75 * 4 ** (k - bits + 1));

  it.each(widths.flatMap((width) => [2, 4, 8, 16].map((bits) => [width, bits] as const)))(
    "have figures that do not touch at %i pixels, %i bits",
    (width, bits) => {
      const svg = bitShareChart({ bitShares: shares(bits) }, { document, width });
      expect(overlapping(svg)).toEqual([]);
      const figures = words(svg).map((own) => own.words.replace(" %", ""));
      expect(figures.slice(0, 2)).toEqual(["75", "19"]);
      expect(figures.filter((own) => own === "<0.1").length).toBe(
        bits === 8 ? 3 : bits === 16 && width === 860 ? 11 : 0,
      );
    },
  );

  it("leave the unit to the axis where there is little room", () => {
    const of = (width: number) => words(bitShareChart({ bitShares: shares(8) }, { document, width }))[0]!;
    expect([of(340).words, of(720).words]).toEqual(["75", "75 %"]);
  });

  it("keep the higher figure of two that touch", () => {
    const near = Array.from({ length: 16 }, (_, k) => (k % 2 === 0 ? 0.0612 : 0.0638));
    const figures = words(bitShareChart({ bitShares: near }, { document, width: 340 }));
    expect(new Set(figures.map((own) => own.words))).toEqual(new Set(["6.4"]));
  });
});

it.each(widths)("writes the law of the drift beside its line at %i pixels", (width) => {
  const svg = driftChart({ ...sampleLaw, drift: { ...sampleLaw.drift, slope: 0.96 } }, { document, width });
  const law = Array.from(svg.querySelectorAll("g.text text")).find((t) =>
    t.textContent?.includes("mean read"),
  )!;
  const lines = Array.from(law.querySelectorAll("tspan"), (line) => line.textContent ?? "");
  const letters = Math.max(
    ...(lines.length > 0 ? lines : [law.textContent ?? ""]).map((line) => line.length),
  );
  // The line rises from corner to corner: the upper left half of the top tenth is free.
  expect(6 * letters).toBeLessThan(0.65 * width);
});

describe("leastCovering", () => {
  const frame = { left: 0, top: 0, right: 200, bottom: 100 };
  const at = (left: number, top: number) => ({ box: { left, top, right: left + 40, bottom: top + 10 } });
  const level = (y: number) => [[0, y] as const, [200, y] as const];

  it("takes the first of those that cover nothing", () => {
    const places = [at(10, 45), at(10, 60), at(10, 80)] as const;
    expect(leastCovering(places, [level(50)], frame)).toBe(places[1]);
    expect(leastCovering(places, [], frame)).toBe(places[0]);
  });

  it("covers a short piece rather than a long one, a curve rather than words, and leaves no frame", () => {
    const long = at(10, 45);
    const short = at(180, 45);
    expect(
      leastCovering(
        [long, at(100, 45)],
        [
          [
            [0, 50],
            [110, 50],
          ],
        ],
        frame,
      ),
    ).not.toBe(long);
    expect(leastCovering([at(10, 80), long], [level(50)], frame, [at(20, 85).box])).toBe(long);
    expect(leastCovering([short, long], [level(50)], frame)).toBe(long);
    expect(leastCovering([at(10, -4), long], [level(50)], frame)).toBe(long);
    expect(leastCovering([at(10, 94), long], [level(50)], frame)).toBe(long);
    expect(leastCovering([at(-4, 20), long], [level(50)], frame)).toBe(long);
  });
});

describe("accuracyChart", () => {
  const ticks = (svg: SVGSVGElement) =>
    Array.from(svg.querySelectorAll("g.x-axis-tick-label text"), (t) => Number(t.textContent));

  const near = (first: number, second: number) => ({
    ...sampleComparison,
    overheadAtTarget: { tac: first, "uniform-msp": second },
    overheadInterval: { tac: [first, first], "uniform-msp": [second, second] } as const,
  });

  it.each(
    widths.flatMap((width) =>
      [
        [0.128, 0.196],
        [0.19, 0.196],
        [0.01, 0.02],
        [0.42, 0.44],
        [0.2, 0.2],
      ].map(([first, second]) => ({ width, first: first!, second: second! })),
    ),
  )("keeps $first and $second apart at $width pixels", ({ width, first, second }) => {
    const svg = accuracyChart({ ...near(first, second), isWhole: true }, { document, width });
    const figures = words(svg).filter((own) => /^[\d.]+ %$/.test(own.words));
    expect(figures).toHaveLength(2);
    expect(isOver(figures[0]!.box, figures[1]!.box)).toBe(false);
    expect(figures.every(({ box }) => box.left > 0 && box.right < width)).toBe(true);
  });

  it.each(widths)("names single points off the curves, with a line to each, at %i pixels", (width) => {
    const svg = accuracyChart({ ...sampleComparison, chance: 0.1 }, { document, width });
    const points = curvePoints(svg);
    for (const name of ["none", "mean-correction"]) {
      const label = words(svg).find((own) => own.words === policyStyle(name).label)!;
      const crossed = points.filter(
        ([x, y]) => x > label.box.left && x < label.box.right && y > label.box.top && y < label.box.bottom,
      );
      expect(crossed).toEqual([]);
    }
    expect(overlapping(svg)).toEqual([]);
  });

  it("shows all that was tried where asked, and else what happens at the target", () => {
    const zoomed = accuracyChart(sampleComparison, { document });
    const points = (most: number) =>
      sampleComparison.policies.slice(0, 4).map((curve) => ({
        ...curve,
        points: curve.points.filter((p) => p.overhead <= most),
      }));
    const whole = (most: number) =>
      accuracyChart({ ...sampleComparison, policies: points(most), isWhole: true }, { document });
    expect(Math.max(...ticks(zoomed))).toBeLessThan(50);
    expect(Math.max(...ticks(whole(0.5)))).toBeGreaterThanOrEqual(50);
    const dots = (svg: SVGSVGElement) =>
      Array.from(svg.querySelectorAll("g.dot path, g.dot circle"), (dot) => origin(dot)[0]);
    const svg = whole(0.5);
    expect(Math.max(...dots(svg))).toBeLessThan(720 - 20);
    expect(Math.max(...dots(svg))).toBeGreaterThan(600);
  });
});
