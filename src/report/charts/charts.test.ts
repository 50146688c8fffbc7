import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import {
  sampleComparison,
  sampleDevice,
  sampleLaw,
  samplePlan,
  sampleReport,
  sampleTensors,
} from "../../../test/report-sample.ts";
import { builtInMeasure } from "../../measure/index.ts";
import { parseDevice } from "../../physics/index.ts";
import { deviceSection, protectedShares } from "../collect.ts";
import { chartToSvg } from "../svg.ts";
import {
  accuracyChart,
  barrierChart,
  bitShareChart,
  driftChart,
  errorChart,
  keptChart,
  protectionMap,
  residualErrorChart,
  thicknessChart,
  waveChart,
  yieldChart,
} from "./index.ts";
import { placeLabels } from "./labels.ts";

const { document } = new JSDOM("").window;
const device = deviceSection(sampleDevice);
const accuracy = { ...sampleComparison, chance: 0.1 };
const rows = samplePlan.tensors.map((tensor, i) => ({
  name: tensor.name,
  operator: sampleTensors[i]!.operator,
  count: tensor.count,
  shares: protectedShares(tensor),
  decoder: tensor.segments[0]!.decoder,
  score: sampleTensors[i]!.score,
}));

const keptData = {
  curves: [
    { policy: "tac", overhead: [0, 0.1, 0.2, 0.4, 1], kept: [0.3, 0.7, 0.9, 0.98, 1] },
    { policy: "uniform-msp", overhead: [0, 0.125, 0.25, 0.5, 1], kept: [0.3, 0.5, 0.75, 0.97, 1] },
  ],
  keep: 0.95,
  chosen: [{ policy: "tac", overhead: 0.27, kept: 0.94 }],
};

const residualErrors = {
  p: [1e-4, 1e-3, 1e-2, 1e-1],
  curves: [
    { code: "secded(72,64)", parity: 0.125, error: [7.2e-7, 7.1e-5, 6e-3, 0.103] },
    { code: "repetition(3)", parity: 2, error: [3e-8, 3e-6, 3e-4, 0.028] },
  ],
  chosen: 0.05,
};

const yieldData = {
  from: 0.8,
  width: 0.01,
  counts: [1, 0, 2, 5, 7, 9, 14, 20, 11, 3],
  target: 0.86,
  clean: 0.91,
  measure: builtInMeasure("accuracy").description,
  yield: { estimate: 0.66, low: 0.5, high: 0.8 },
};

const charts: Record<string, (width: number) => SVGSVGElement> = {
  accuracy: (width) => accuracyChart(accuracy, { document, width }),
  barrier: (width) => barrierChart(device.barrier!, { document, width }),
  wave: (width) => waveChart(device.barrier!, { document, width }),
  thickness: (width) => thicknessChart(device.thickness!, { document, width }),
  errors: (width) => errorChart(sampleLaw, { document, width }),
  drift: (width) => driftChart(sampleLaw, { document, width }),
  "bit-shares": (width) => bitShareChart(sampleLaw, { document, width }),
  "kept-two": (width) =>
    keptChart(
      {
        ...keptData,
        chosen: [
          { policy: "tac", name: "A", overhead: 0.27, kept: 0.94 },
          { policy: "uniform-msp", name: "B", overhead: 0.3, kept: 0.8 },
        ],
      },
      { document, width },
    ),
  "residual-errors": (width) => residualErrorChart(residualErrors, { document, width }),
  kept: (width) => keptChart(keptData, { document, width }),
  yield: (width) => yieldChart(yieldData, { document, width }),
  "protection-map": (width) => protectionMap(rows, { document, width }),
};

/** A length of an attribute; an em is 12 pixels here. */
const pixels = (length: string | null) =>
  Number.parseFloat(length ?? "0") * (length?.endsWith("em") === true ? 12 : 1);

const texts = (svg: SVGSVGElement) => Array.from(svg.querySelectorAll("text"), (t) => t.textContent ?? "");

describe.each(Object.entries(charts))("%s", (name, draw) => {
  it.each([720, 360])("has words for those who do not see it, at %i pixels", (width) => {
    const svg = draw(width);
    expect(svg.getAttribute("role")).toBe("img");
    expect(svg.getAttribute("aria-label")!.length).toBeGreaterThan(40);
    expect(svg.getAttribute("aria-label")).not.toMatch(/NaN|undefined|null/);
    expect(svg.getAttribute("width")).toBe(String(width));
  });

  it("holds no broken number, no id and no style sheet", () => {
    const { outerHTML } = draw(720);
    expect(outerHTML).not.toMatch(/NaN|Infinity|undefined|\[object/);
    expect(outerHTML).not.toMatch(/\sid=|<style|url\(/);
  });

  it("keeps every text inside the picture", () => {
    for (const width of [720, 360]) {
      const svg = draw(width);
      for (const text of Array.from(svg.querySelectorAll("text"))) {
        let [x, y] = [0, 0];
        for (let node: Element | null = text; node !== null && node !== svg; node = node.parentElement) {
          const [, dx, dy] =
            /translate\(([-\d.]+),\s*([-\d.]+)\)/.exec(node.getAttribute("transform") ?? "") ?? [];
          x += Number(dx ?? 0) + pixels(node.getAttribute("x"));
          y += Number(dy ?? 0) + pixels(node.getAttribute("y"));
        }
        const inside = x >= 0 && x <= width && y >= 0 && y <= Number(svg.getAttribute("height"));
        expect(inside ? "inside" : `${text.textContent} at ${x}, ${y}`).toBe("inside");
      }
    }
  });

  it("is the same picture as before", async () => {
    await expect(chartToSvg(draw(720))).toMatchFileSnapshot(`../__snapshots__/${name}.svg`);
  });
});

describe("accuracyChart", () => {
  const svg = accuracyChart(accuracy, { document });

  it("names every curve beside it, and the numbers that matter", () => {
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        "TAC",
        "Uniform-MSP",
        "magnitude",
        "random",
        "clean 91.8 %",
        "target 87.2 % (95 % of clean)",
        "chance 10 %",
        "7.7 %",
        "29.1 %",
        "3.8 times less [3.3, 4.3]",
      ]),
    );
  });

  it("tells curves apart without colour", () => {
    const dashes = Array.from(
      svg.querySelectorAll(".line"),
      (g) => g.getAttribute("stroke-dasharray") ?? "none",
    );
    expect(dashes).toHaveLength(4);
    expect(new Set(dashes).size).toBe(4);
  });

  it("does without a ratio where the target is not reached", () => {
    const lost = accuracyChart(
      {
        ...accuracy,
        overheadAtTarget: { tac: 1, "uniform-msp": 1 },
        overheadInterval: {},
        ratio: NaN,
        ratioInterval: [NaN, NaN],
      },
      { document },
    );
    expect(texts(lost).join(" ")).not.toMatch(/times/);
    expect(lost.getAttribute("aria-label")).toContain("does not reach it");
    expect(lost.outerHTML).not.toMatch(/NaN/);
  });

  /** The sample's curves as the scores of another measure. */
  const scored = (name: string, of: (share: number) => number, target: number) =>
    accuracyChart(
      {
        ...sampleComparison,
        measure: builtInMeasure(name).description,
        clean: of(1),
        target,
        policies: sampleComparison.policies.map((curve) => ({
          ...curve,
          points: curve.points.map((p) => ({
            ...p,
            accuracy: of(p.accuracy),
            low: of(p.accuracy) - Math.abs(of(p.accuracy)) / 10,
            high: p.chips === 20 ? of(p.accuracy) + Math.abs(of(p.accuracy)) / 10 : Infinity,
          })),
        })),
      },
      { document },
    );

  it("shows decibels without the limit of clean ones", () => {
    const chart = scored("snr", (share) => (share > 0.91 ? 144.5 : 30 * share - 5), 13);
    expect(texts(chart).join(" ")).toContain("SNR of the outputs (dB)");
    expect(texts(chart)).toContain("target 13 dB");
    expect(texts(chart).join(" ")).not.toMatch(/clean/);
    expect(chart.getAttribute("aria-label")).toMatch(/^SNR of the outputs against overhead .*target 13 dB/);
    expect(chart.outerHTML).not.toMatch(/NaN|Infinity/);
  });

  it("shows errors of many orders of magnitude on a logarithmic scale", () => {
    const chart = scored("mse", (share) => (share > 0.9 ? 0 : 1e8 * 10 ** (-9 * share)), 3);
    expect(texts(chart).join(" ")).toContain("mean squared error of the outputs, logarithmic scale");
    expect(texts(chart)).toContain("target 3");
    expect(chart.outerHTML).not.toMatch(/NaN|Infinity/);
    const narrow = scored("cross-entropy", (share) => 3 - 2 * share, 1.4);
    expect(texts(narrow).join(" ")).toContain("cross-entropy (nat)");
    expect(texts(narrow).join(" ")).not.toContain("logarithmic");
  });

  it("widens small overheads by a square root, and says so", () => {
    const small = accuracyChart(
      { ...accuracy, overheadAtTarget: { tac: 0.005, "uniform-msp": 0.29 } },
      { document },
    );
    expect(texts(small).join(" ")).toContain("square-root scale");
    expect(texts(svg).join(" ")).not.toContain("square-root scale");
  });
});

describe("protectionMap", () => {
  it("fills each bit by the share of weights that it protects", () => {
    const svg = protectionMap(rows, { document });
    const [first] = Array.from(svg.querySelectorAll(".tensor"));
    const cells = Array.from(first!.querySelectorAll("rect"));
    const [frames, fills] = [0, 1].map((kind) =>
      cells.filter((c) => c.getAttribute("fill")!.includes(kind === 0 ? "tint" : "accent")),
    );
    expect(frames).toHaveLength(8);
    expect(fills).toHaveLength(6);
    const width = Number(frames![0]!.getAttribute("width"));
    const shares = fills!.map((c) => Number(c.getAttribute("width")) / width);
    // Bit 2 first: 40 of 150 weights; widths are rounded to hundredths of some 42 pixels.
    expect(shares[0]).toBeCloseTo(40 / 150, 3);
    expect(shares.slice(1)).toEqual([1, 1, 1, 1, 1]);
  });

  it("draws a tensor without a score and a name from outside", () => {
    const row = { ...rows[0]!, score: null, name: "<script>alert(1)</script>\u202e" };
    const svg = protectionMap([row], { document });
    expect(svg.querySelector("script")).toBeNull();
    expect(svg.querySelectorAll("circle")).toHaveLength(0);
    expect(svg.outerHTML).toContain("&lt;script&gt;");
    expect(svg.outerHTML).not.toContain("\u202e");
  });
});

describe("barriers", () => {
  it.each([
    { cell: "charge-trap-flash" },
    { cell: "fefet" },
    { barrier: { material: "SiO2", thicknessNm: 6 }, biasV: 6, holdS: 1e-3, energyEv: 0.1 },
    { barrier: { material: "SiO2", thicknessNm: 1 }, energyEv: 4, holdS: 1 },
  ])("draws %o", (file) => {
    const { barrier, thickness } = deviceSection(parseDevice(file));
    for (const width of [720, 360]) {
      for (const svg of [
        barrierChart(barrier!, { document, width }),
        waveChart(barrier!, { document, width }),
        thicknessChart(thickness!, { document, width }),
      ]) {
        expect(svg.outerHTML).not.toMatch(/NaN|Infinity|undefined/);
      }
    }
  });

  it("says the energies and the length of the path", () => {
    expect(texts(barrierChart(device.barrier!, { document }))).toEqual(
      expect.arrayContaining(["SiO2, 2.67 nm", "electron, 0.1 eV", "forbidden, 2.67 nm", "anode, −0.6 eV"]),
    );
  });
});

describe("chartToSvg", () => {
  const file = chartToSvg(charts["accuracy"]!(720));

  it("is a file of its own: plain colours, fonts, a white ground, nothing to load", () => {
    expect(file).toMatch(/^<\?xml version="1.0"/);
    expect(file).not.toMatch(/var\(|currentColor|href=|@import|<style/);
    expect(file).toContain("font-family=");
    expect(file).toContain('fill="#ffffff"');
  });

  it("is well-formed XML", () => {
    const parsed = new JSDOM(file, { contentType: "image/svg+xml" }).window.document;
    expect(parsed.documentElement.tagName).toBe("svg");
    expect(parsed.querySelectorAll(".line").length).toBe(4);
  });

  it("leaves the chart as it was", () => {
    const svg = charts["drift"]!(720);
    const before = svg.outerHTML;
    chartToSvg(svg);
    expect(svg.outerHTML).toBe(before);
    expect(before).toContain("var(--qt-");
  });

  it("stays well-formed whatever a tensor is called", () => {
    const chart = protectionMap([{ ...rows[0]!, name: 'a\u0000\u0008&<"]]>\ud800' }], { document });
    const parsed = new JSDOM(chartToSvg(chart), { contentType: "image/svg+xml" }).window.document;
    expect(parsed.querySelectorAll(".tensor")).toHaveLength(1);
  });
});

describe("placeLabels", () => {
  const frame = { left: 0, top: 0, right: 400, bottom: 200 };
  const overlap = (a: { x: number; y: number }, b: { x: number; y: number }) =>
    Math.abs(a.y - b.y) < 14 && Math.abs(a.x - b.x) < 20;

  it("puts names beside their own curves, inside, apart", () => {
    const placed = placeLabels(
      [
        {
          name: "up",
          points: [
            [0, 150],
            [400, 20],
          ],
        },
        {
          name: "down",
          points: [
            [0, 170],
            [400, 180],
          ],
        },
      ],
      frame,
    );
    expect(placed.map((p) => p.name)).toEqual(["up", "down"]);
    expect(placed.every((p) => p.x >= 0 && p.x <= 400 && p.y >= 0 && p.y <= 200)).toBe(true);
    expect(overlap(placed[0]!, placed[1]!)).toBe(false);
  });

  it("leaves out what fits nowhere", () => {
    const full = [{ left: -10, top: -10, right: 410, bottom: 210 }];
    expect(placeLabels([{ name: "a", points: [[10, 10]] }], frame, full)).toEqual([]);
  });
});

it("draws from data that went through JSON", () => {
  const back = JSON.parse(JSON.stringify(sampleReport)) as typeof sampleReport;
  expect(accuracyChart(back.comparison!, { document }).outerHTML).toBe(
    accuracyChart(sampleComparison, { document }).outerHTML,
  );
});

describe("protectionMap of codes of several widths", () => {
  it("puts each bit under its number", () => {
    const row = { operator: null, count: 10, decoder: "as stored", score: null };
    const svg = protectionMap(
      [
        { ...row, name: "wide", shares: Array.from({ length: 16 }, (_, k) => (k === 3 ? 1 : 0)) },
        { ...row, name: "narrow", shares: Array.from({ length: 4 }, (_, k) => (k === 3 ? 1 : 0)) },
      ],
      { document, width: 720 },
    );
    const filled = Array.from(svg.querySelectorAll("rect")).filter((rect) =>
      rect.getAttribute("fill")!.includes("accent"),
    );
    expect(filled.map((rect) => rect.getAttribute("x"))).toEqual([
      filled[0]!.getAttribute("x"),
      filled[0]!.getAttribute("x"),
    ]);
  });
});
