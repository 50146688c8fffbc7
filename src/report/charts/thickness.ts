/**
 * @file Flip probability against the barrier's thickness.
 */
import * as Plot from "@observablehq/plot";
import { formatNumber, powerOfTen } from "../numbers.ts";
import type { ThicknessPicture } from "../types.ts";
import { drawPlot, halo, makeFrame, powerTicks } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { estimatedWidth, placeLabels } from "./labels.ts";
import { colour, type ColourName } from "./theme.ts";

const styles: Readonly<Record<string, { label: string; colour: ColourName; dash: string; width: number }>> = {
  exact: { label: "exact", colour: "accent", dash: "none", width: 2.5 },
  wkb: { label: "WKB", colour: "warm", dash: "8 4", width: 2 },
  corrected: { label: "corrected WKB", colour: "green", dash: "2 3", width: 2 },
};

/** Below this a probability is not drawn. */
const smallest = 1e-16;

/** p against thickness on a logarithmic scale, every model a curve, the chosen point marked. */
export function thicknessChart(data: ThicknessPicture, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 320, compact: 280 });
  const { chosen } = data;
  const curves = data.curves.map(({ model, thicknessNm, p }) => ({
    style: styles[model]!,
    points: thicknessNm.map((x, i) => ({ x, p: p[i]! })).filter((d) => d.p > smallest),
  }));
  const shown = curves.flatMap((c) => c.points);
  const marked = chosen.p > smallest;
  const all = [...shown, ...(marked ? [{ x: chosen.thicknessNm, p: chosen.p }] : [])];
  const xs = [...data.curves.flatMap((c) => c.thicknessNm), chosen.thicknessNm];
  const [fromNm, toNm] = [Math.min(...xs), Math.max(...xs)];
  const high = Math.min(0, Math.ceil(Math.log10(Math.max(smallest, ...all.map((d) => d.p))) + 0.1));
  const low = Math.max(-16, Math.min(high - 1, Math.floor(Math.log10(Math.min(1, ...all.map((d) => d.p))))));
  const right = frame.width - frame.marginRight;
  const bottom = frame.height - frame.marginBottom;
  const px = (x: number) => frame.marginLeft + ((x - fromNm) / (toNm - fromNm)) * (right - frame.marginLeft);
  const py = (p: number) => bottom - ((Math.log10(p) - low) / (high - low)) * (bottom - frame.marginTop);
  const note = `${formatNumber(chosen.thicknessNm)} nm: p ${marked ? `= ${formatNumber(chosen.p, { digits: 2, typeset: true })}` : "below 10⁻¹⁶"}`;
  const noteP = marked ? chosen.p : 10 ** low;
  const noteRight = px(chosen.thicknessNm) + 14 + estimatedWidth(note) < right;
  const noteLeft = noteRight
    ? px(chosen.thicknessNm) + 8
    : px(chosen.thicknessNm) - 14 - estimatedWidth(note);
  const noteBox = {
    left: noteLeft,
    right: noteLeft + 6 + estimatedWidth(note),
    top: py(noteP) - 22,
    bottom: py(noteP) + 4,
  };
  const labels = placeLabels(
    curves.map(({ style, points }) => ({
      name: style.label,
      points: points.map((d) => [px(d.x), py(d.p)] as const),
    })),
    { left: frame.marginLeft, right, top: frame.marginTop, bottom },
    [noteBox],
  );
  const ticks = powerTicks(low, high, 8);
  return drawPlot(
    frame,
    {
      id: "thickness",
      label: `Flip probability against thickness, logarithmic. At ${note}.`,
    },
    {
      x: { domain: [fromNm, toNm], label: "thickness (nm)", labelArrow: "right" },
      y: {
        domain: [low, high],
        ticks,
        tickFormat: powerOfTen,
        grid: true,
        label: "flip probability p of a bit",
      },
      marks: [
        Plot.ruleX([chosen.thicknessNm], { stroke: colour("muted"), strokeDasharray: "3 3" }),
        ...curves.map(({ style, points }) =>
          Plot.line(points, {
            x: "x",
            y: (d: { p: number }) => Math.log10(d.p),
            stroke: colour(style.colour),
            strokeWidth: style.width,
            strokeDasharray: style.dash,
          }),
        ),
        ...(marked
          ? [
              Plot.dot([chosen], {
                x: "thicknessNm",
                y: Math.log10(chosen.p),
                r: 5,
                fill: colour("paper"),
                stroke: colour("ink"),
                strokeWidth: 2.5,
              }),
            ]
          : []),
        Plot.text([note], {
          x: [chosen.thicknessNm],
          y: [Math.log10(noteP)],
          text: (d: string) => d,
          textAnchor: noteRight ? "start" : "end",
          dx: noteRight ? 10 : -10,
          dy: -10,
          fontWeight: 600,
          fill: colour("ink"),
          ...halo,
        }),
        ...labels.map(({ name, x, y }) =>
          Plot.text([name], {
            frameAnchor: "top-left",
            dx: x - frame.marginLeft,
            dy: y - frame.marginTop,
            lineAnchor: "middle",
            text: (d: string) => d,
            fill: colour(curves.find((c) => c.style.label === name)!.style.colour),
            fontWeight: 600,
            ...halo,
          }),
        ),
      ],
    },
  );
}
