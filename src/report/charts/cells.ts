/**
 * @file Where memory cells fall on the scale of flip probabilities, and one device among them.
 */
import * as Plot from "@observablehq/plot";
import { formatNumber, powerOfTen } from "../numbers.ts";
import { drawPlot, halo, makeFrame, powerTicks } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { colour } from "./theme.ts";

/** A cell as drawn. */
export interface CellPoint {
  readonly name: string;
  /** Mean of p01 and p10. */
  readonly p: number;
}

/** What the picture shows. */
export interface CellData {
  readonly cells: readonly CellPoint[];
  /** The device that is looked at. */
  readonly chosen: number;
}

/** Below this, cells are put at the left edge. */
const lowest = -18;
const place = (p: number) => (p > 0 ? Math.max(lowest, Math.log10(p)) : lowest);
const words = (p: number) =>
  p === 0
    ? "p = 0"
    : p < 10 ** lowest
      ? `p below ${powerOfTen(lowest)}`
      : `p = ${formatNumber(p, { digits: 2, typeset: true })}`;

/**
 * A row a cell, its flip probability on a logarithmic scale; the chosen device is a line through all of them.
 *
 * @param data flip probabilities of the cells, and of the chosen device
 */
export function cellChart({ cells, chosen }: CellData, options: ChartOptions): SVGSVGElement {
  const rows = cells.length;
  const height = 62 + 26 * rows;
  const longest = Math.max(...cells.map(({ name }) => name.length));
  const frame = makeFrame(
    options,
    { wide: height, compact: height },
    { marginLeft: 14 + 6.6 * longest, marginTop: 30 },
  );
  const x = place(chosen);
  return drawPlot(
    frame,
    {
      id: "cells",
      label: `Flip probability of ${rows} memory cells: ${cells.map(({ name, p }) => `${name} ${words(p)}`).join(", ")}. The device shown: ${words(chosen)}.`,
    },
    {
      x: {
        domain: [lowest, 0],
        ticks: powerTicks(lowest, 0, frame.compact ? 5 : 10),
        tickFormat: (e: number) => (e === lowest ? `≤${powerOfTen(e)}` : powerOfTen(e)),
        label: "flip probability p of a bit within the cell's hold time",
        labelArrow: "none",
        grid: true,
      },
      y: { type: "band", domain: cells.map(({ name }) => name), label: null, padding: 0.2 },
      marks: [
        Plot.ruleX([x], { stroke: colour("accent"), strokeWidth: 2, strokeDasharray: "6 3" }),
        Plot.text([`this device, ${words(chosen)}`], {
          x: [x],
          frameAnchor: "top",
          dy: -12,
          textAnchor: x > lowest * 0.4 ? "end" : "start",
          text: (d: string) => d,
          fill: colour("accent"),
          fontWeight: 600,
          ...halo,
        }),
        Plot.dot(cells, {
          x: (d: CellPoint) => place(d.p),
          y: "name",
          r: 4.5,
          fill: (d: CellPoint) => colour(d.p > 10 ** lowest ? "ink" : "paper"),
          stroke: colour("ink"),
          strokeWidth: 1.5,
        }),
        Plot.text(cells, {
          x: (d: CellPoint) => place(d.p),
          y: "name",
          text: (d: CellPoint) => words(d.p),
          textAnchor: "start",
          dx: 9,
          fill: colour("muted"),
          filter: (d: CellPoint) => place(d.p) < -5,
          ...halo,
        }),
        Plot.text(cells, {
          x: (d: CellPoint) => place(d.p),
          y: "name",
          text: (d: CellPoint) => words(d.p),
          textAnchor: "end",
          dx: -9,
          fill: colour("muted"),
          filter: (d: CellPoint) => place(d.p) >= -5,
          ...halo,
        }),
      ],
    },
  );
}
