/**
 * @file What all charts share: the call to Plot, and the finish that makes its output small, repeatable and accessible.
 */
import * as Plot from "@observablehq/plot";
import { plainLines } from "../text.ts";
import { svgElement } from "../svg.ts";
import type { PlacedLabel, PointLabel } from "./labels.ts";
import type { ChartOptions, Frame } from "./options.ts";
import { colour, theme } from "./theme.ts";

/** The frame of a chart: heights for wide and for compact layouts. */
export function makeFrame(
  { document, width = 720 }: ChartOptions,
  heights: { readonly wide: number; readonly compact: number },
  margins: Partial<Pick<Frame, "marginLeft" | "marginRight" | "marginTop" | "marginBottom">> = {},
): Frame {
  const compact = width < 520;
  return {
    document,
    width,
    height: compact ? heights.compact : heights.wide,
    compact,
    marginLeft: compact ? 44 : 56,
    marginRight: compact ? 12 : 20,
    marginTop: 26,
    marginBottom: 40,
    ...margins,
  };
}

/** What a chart is called and what it says to those who do not see it. */
export interface ChartName {
  /** A short word for classes, `accuracy` for instance. */
  readonly id: string;
  /** The picture in words. */
  readonly label: string;
}

/** Font size of charts, CSS pixels. */
export const fontSize = 12;

/** Draws a plot and finishes it. */
export function drawPlot(frame: Frame, name: ChartName, options: Plot.PlotOptions): SVGSVGElement {
  const { document, width, height, marginLeft, marginRight, marginTop, marginBottom } = frame;
  const plot = Plot.plot({
    document,
    width,
    height,
    marginLeft,
    marginRight,
    marginTop,
    marginBottom,
    style: { fontSize: `${fontSize}px`, color: colour("ink"), background: "none" },
    ...options,
  });
  return finishChart(plot as unknown as SVGSVGElement, name);
}

/** Takes away what only a notebook needs, and adds what a reader needs: role, words, a font. */
export function finishChart(svg: SVGSVGElement, { id, label }: ChartName): SVGSVGElement {
  svg.querySelector("style")?.remove();
  svg.removeAttribute("style");
  svg.setAttribute("class", `qt-chart qt-${id}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", plainLines(label));
  svg.setAttribute("font-family", theme.fontFamily);
  svg.setAttribute("font-size", String(fontSize));
  svg.setAttribute("color", colour("ink"));
  for (const part of Array.from(svg.querySelectorAll("[aria-label]"))) {
    part.setAttribute("class", part.getAttribute("aria-label")!.replaceAll(" ", "-"));
    part.removeAttribute("aria-label");
  }
  for (const part of Array.from(svg.querySelectorAll("[aria-hidden],[aria-description]"))) {
    part.removeAttribute("aria-hidden");
    part.removeAttribute("aria-description");
  }
  tidy(svg);
  return svg;
}

const geometry = [
  "d",
  "transform",
  "points",
  "x",
  "y",
  "x1",
  "x2",
  "y1",
  "y2",
  "cx",
  "cy",
  "width",
  "height",
];

/**
 * Rounds coordinates to hundredths of a pixel (smaller files, and the same text on every machine), and makes names
 * from outside harmless.
 */
function tidy(element: Element): void {
  for (const name of geometry) {
    const value = element.getAttribute(name);
    if (value === null || value.endsWith("%")) continue;
    const rounded = value.replace(/-?\d+\.\d{3,}(e-?\d+)?/g, (n) =>
      String(Math.round(Number(n) * 100) / 100),
    );
    if (rounded !== value) element.setAttribute(name, rounded);
  }
  for (const child of Array.from(element.children)) tidy(child);
  if (element.children.length === 0 && element.textContent !== null && element.textContent !== "") {
    element.textContent = plainLines(element.textContent);
  }
}

/** Options of a text with a halo of paper, so that lines behind it do not cross the letters. */
export const halo = { stroke: colour("paper"), strokeWidth: 4 } as const;

/** The names of curves where `placeLabels` has put them. @param fill colour of a name */
export const labelMarks = (labels: readonly PlacedLabel[], frame: Frame, fill: (name: string) => string) =>
  labels.map(({ name, x, y }) =>
    Plot.text([name], {
      frameAnchor: "top-left",
      lineAnchor: "middle",
      dx: x - frame.marginLeft,
      dy: y - frame.marginTop,
      text: (d: string) => d,
      fontWeight: 700,
      fill: fill(name),
      ...halo,
    }),
  );

/** The lines that lead from names to their points. */
export const leaderMarks = (labels: readonly PointLabel[], frame: Frame): Plot.Markish[] =>
  labels.flatMap(({ leader }) => {
    if (leader === undefined) return [];
    const [[x1, y1], [x2, y2]] = leader;
    return [() => svgElement(frame.document, "line", { x1, y1, x2, y2, stroke: colour("muted") })];
  });

/** Whole exponents from a high one down, at most so many steps apart that they do not crowd. */
export function powerTicks(low: number, high: number, most: number): number[] {
  const step = Math.max(1, Math.ceil((high - low) / most));
  return Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => high - i * step);
}
