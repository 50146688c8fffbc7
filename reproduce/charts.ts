/** @file The pictures of the results page. */
import * as Plot from "@observablehq/plot";
import { emptyDocument } from "../src/report/document.ts";
import { drawPlot, halo, makeFrame } from "../src/report/charts/frame.ts";
import { colour } from "../src/report/charts/theme.ts";
import { chartToSvg } from "../src/report/svg.ts";
import type { Case } from "./network.ts";
import { overhead, ways, type ThicknessResult } from "./thickness.ts";

const options = () => ({ document: emptyDocument(), width: 800 });

const policyLook = {
  tac: { label: "TAC", colour: colour("accent"), symbol: "circle" },
  uniform: { label: "Uniform-MSP", colour: colour("warm"), symbol: "square" },
} as const;

/** Lines of text in a corner, one under the other. */
const legend = (
  corner: "top-left" | "bottom-right",
  lines: readonly { readonly text: string; readonly fill: string }[],
) =>
  lines.map(({ text, fill }, i) =>
    Plot.text([text], {
      frameAnchor: corner,
      dx: corner === "top-left" ? 12 : -14,
      dy: corner === "top-left" ? 12 + 18 * i : -14 - 20 * (lines.length - 1 - i),
      fill,
      fontWeight: 600,
      ...halo,
    }),
  );

/** Predicted against measured overhead, both logarithmic, with the band of 20 %. */
export function predictionChart(cases: readonly Case[]): string {
  const points = cases
    .flatMap((c) => [
      { policy: "tac" as const, ...c.tac },
      { policy: "uniform" as const, ...c.uniform },
    ])
    .filter((d) => d.measured > 0 && d.gaussian > 0);
  const all = points.flatMap((d) => [d.measured, d.gaussian]);
  const [low, high] = [Math.min(...all) / 1.2, Math.max(...all) * 1.2];
  const frame = makeFrame(options(), { wide: 460, compact: 340 });
  const band = [low, high].map((x) => ({ x, y1: x / 1.2, y2: x * 1.2 }));
  const shares = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].filter(
    (t) => t >= low && t <= high,
  );
  const percent = (t: number) => `${Number((100 * t).toPrecision(2))} %`;
  return chartToSvg(
    drawPlot(
      frame,
      {
        id: "prediction",
        label: `Predicted against measured overhead of ${points.length} cases, logarithmic; most lie within 20 % of the diagonal.`,
      },
      {
        x: {
          type: "log",
          domain: [low, high],
          ticks: shares,
          tickFormat: percent,
          label: "measured overhead",
        },
        y: {
          type: "log",
          domain: [low, high],
          ticks: shares,
          tickFormat: percent,
          grid: true,
          label: "predicted overhead, no fault drawn",
        },
        marks: [
          Plot.areaY(band, { x: "x", y1: "y1", y2: "y2", fill: colour("tint"), clip: true }),
          Plot.line(
            [low, high].map((x) => ({ x, y: x })),
            { x: "x", y: "y", stroke: colour("muted") },
          ),
          ...(["tac", "uniform"] as const).map((policy) =>
            Plot.dot(
              points.filter((d) => d.policy === policy),
              {
                x: "measured",
                y: "gaussian",
                r: 4,
                symbol: policyLook[policy].symbol,
                stroke: policyLook[policy].colour,
                fill: colour("paper"),
                strokeWidth: 2,
              },
            ),
          ),
          ...legend("top-left", [
            { text: "○ TAC", fill: policyLook.tac.colour },
            { text: "□ Uniform-MSP", fill: policyLook.uniform.colour },
            { text: "band: within 20 %", fill: colour("muted") },
          ]),
        ],
      },
    ),
  );
}

const wayLook = {
  none: { label: "unprotected", colour: colour("ink"), dash: "2 3" },
  "uniform-msp": { label: `Uniform-MSP, ${100 * overhead} %`, colour: colour("warm"), dash: "8 4" },
  tac: { label: `TAC, ${100 * overhead} %`, colour: colour("accent"), dash: "none" },
} as const;

/** Relative accuracy against oxide thickness, with the flip probability above. */
export function thicknessToAccuracyChart({ points, bearableNm }: ThicknessResult): string {
  const frame = makeFrame(options(), { wide: 420, compact: 320 }, { marginTop: 56 });
  const ticks = points.filter((_, i) => i % 3 === 0);
  const words = ways.map((way) => `${wayLook[way].label} from ${bearableNm[way].toFixed(2)} nm`).join(", ");
  return chartToSvg(
    drawPlot(
      frame,
      {
        id: "thickness-accuracy",
        label: `Share of the clean accuracy that is kept against oxide thickness. 95 % is kept: ${words}.`,
      },
      {
        x: { label: "oxide thickness (nm)", labelArrow: "right" },
        y: {
          domain: [0, 1.02],
          grid: true,
          percent: false,
          tickFormat: (v: number) => `${Math.round(100 * v)} %`,
          label: "accuracy kept",
        },
        marks: [
          Plot.ruleY([0.95], { stroke: colour("muted"), strokeDasharray: "3 3" }),
          Plot.text(ticks, {
            x: "thicknessNm",
            frameAnchor: "top",
            dy: -22,
            text: (d: { p: number }) => d.p.toPrecision(2),
            fill: colour("muted"),
          }),
          Plot.text(["flip probability p"], {
            frameAnchor: "top-left",
            dy: -40,
            text: (d: string) => d,
            fill: colour("muted"),
          }),
          ...ways.flatMap((way) => {
            const line = points.map((d) => ({ x: d.thicknessNm, ...d.kept[way] }));
            const look = wayLook[way];
            return [
              Plot.areaY(line, { x: "x", y1: "low", y2: "high", fill: look.colour, fillOpacity: 0.15 }),
              Plot.line(line, {
                x: "x",
                y: "kept",
                stroke: look.colour,
                strokeWidth: 2.5,
                strokeDasharray: look.dash,
              }),
            ];
          }),
          ...legend(
            "bottom-right",
            ways.map((way) => ({
              text: `${wayLook[way].label}: 95 % from ${bearableNm[way].toFixed(2)} nm`,
              fill: wayLook[way].colour,
            })),
          ),
        ],
      },
    ),
  );
}

/** Overhead at the target against p, for some networks. */
export function sweepChart(cases: readonly Case[]): string {
  const frame = makeFrame(options(), { wide: 380, compact: 300 });
  const points = cases.flatMap((c) => [
    { network: c.network, policy: "tac" as const, p: c.p, ...c.tac },
    { network: c.network, policy: "uniform" as const, p: c.p, ...c.uniform },
  ]);
  const networks = [...new Set(cases.map((c) => c.network))];
  const lines = networks.flatMap((network, n) =>
    (["tac", "uniform"] as const).map((policy) => ({
      network,
      policy,
      dash: n === 0 ? "none" : "8 4",
      points: points.filter((d) => d.network === network && d.policy === policy).sort((a, b) => a.p - b.p),
    })),
  );
  return chartToSvg(
    drawPlot(
      frame,
      {
        id: "sweep",
        label: `Least overhead that keeps 95 % of the accuracy against the flip probability, for ${networks.join(" and ")} under Uniform-MSP and TAC.`,
      },
      {
        x: {
          type: "log",
          label: "flip probability p",
          labelArrow: "right",
          ticks: [1e-4, 1e-3, 1e-2, 0.1],
          tickFormat: (v: number) => String(v),
        },
        y: {
          grid: true,
          tickFormat: (v: number) => `${Math.round(100 * v)} %`,
          label: "least overhead that keeps 95 %",
        },
        marks: [
          ...lines.flatMap(({ policy, dash, points: line }) => [
            Plot.ruleX(
              // Where nothing is needed, the upper end is not searched.
              line.filter((point) => point.high < 1),
              { x: "p", y1: "low", y2: "high", stroke: policyLook[policy].colour },
            ),
            Plot.line(line, {
              x: "p",
              y: "measured",
              stroke: policyLook[policy].colour,
              strokeWidth: 2.5,
              strokeDasharray: dash,
            }),
            Plot.dot(line, {
              x: "p",
              y: "measured",
              symbol: policyLook[policy].symbol,
              stroke: policyLook[policy].colour,
              fill: colour("paper"),
              r: 4,
              strokeWidth: 2,
            }),
          ]),
          ...legend(
            "top-left",
            lines.map(({ network, policy, dash }) => ({
              text: `${network}, ${policyLook[policy].label} (${dash === "none" ? "solid" : "dashed"})`,
              fill: policyLook[policy].colour,
            })),
          ),
        ],
      },
    ),
  );
}
