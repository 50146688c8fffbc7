/** @file Predicted output noise against overhead: plain policies, joint plans, and what no storage is below. */
import * as Plot from "@observablehq/plot";
import { jointStorage } from "../../src/planning/joint.ts";
import { rootMeanSquares } from "../../src/simulation/recode.ts";
import type { Assessment } from "../../src/assessment/index.ts";
import { cleanWeights } from "../../src/stored/index.ts";
import { allocateChoices, residualCurve, storedBits } from "../../src/protect/index.ts";
import { emptyDocument } from "../../src/report/document.ts";
import { drawPlot, halo, makeFrame } from "../../src/report/charts/frame.ts";
import { colour, type ColourName } from "../../src/report/charts/theme.ts";
import { chartToSvg } from "../../src/report/svg.ts";

/** A curve of the chart. */
interface Curve {
  readonly label: string;
  readonly stroke: ColourName;
  readonly dash: string;
  readonly points: readonly { readonly overhead: number; readonly noise: number }[];
}

/** Bits of information that a cell of this flip probability holds. */
export function capacity(p: number): number {
  return 1 + p * Math.log2(p) + (1 - p) * Math.log2(1 - p);
}

const overheads = Array.from({ length: 61 }, (_, i) => i / 100);

/**
 * The noise of Gaussian weights stored at the distortion-rate bound `D = 2^(-2 (m + (8 - m) C))` and read unshrunk,
 * `D / (1 - D)`, with protected bits where they lower it most.
 */
function boundCurve({ tensors, jacobian, memory }: Assessment, p: number): Curve["points"] {
  const items = tensors.map((tensor, t) => {
    const [scale] = rootMeanSquares(cleanWeights(tensor), tensor.dims, undefined);
    return Array.from({ length: 9 }, (_, m) => {
      const distortion = 2 ** (-2 * (m + (8 - m) * capacity(p)));
      const noise = (jacobian![t]!.squaredNorm * scale! ** 2 * distortion) / (1 - distortion);
      return { bits: m * tensor.count, noise };
    });
  });
  return overheads.map((overhead) => ({
    overhead,
    noise: allocateChoices(items, overhead * storedBits(memory)).noise,
  }));
}

/**
 * The chart of a network with one scale a tensor.
 *
 * @param borne the noise at which the network keeps the target
 */
export function noiseChart(assessment: Assessment, name: string, p: number, borne: number): string {
  const plain = (policy: "uniform-msp" | "tac") => {
    const { overhead, noise } = residualCurve(policy, assessment.memory);
    return overhead.map((o, i) => ({ overhead: o, noise: noise[i]! })).filter((d) => d.noise > 0);
  };
  const joint = (decoderClass: "free" | "table") =>
    overheads.map((overhead) => ({
      overhead,
      noise: jointStorage(assessment, overhead, { decoderClass, grain: "tensor" }).noise,
    }));
  const curves: Curve[] = [
    { label: "Uniform-MSP", stroke: "warm", dash: "8 4", points: plain("uniform-msp") },
    { label: "TAC", stroke: "accent", dash: "none", points: plain("tac") },
    { label: "joint, decoding free", stroke: "green", dash: "9 3 2 3", points: joint("free") },
    { label: "joint, tables", stroke: "violet", dash: "none", points: joint("table") },
    { label: "distortion-rate bound", stroke: "ink", dash: "2 3", points: boundCurve(assessment, p) },
  ];
  const frame = makeFrame({ document: emptyDocument(), width: 800 }, { wide: 420, compact: 320 });
  return chartToSvg(
    drawPlot(
      frame,
      {
        id: "noise",
        label: `Predicted output noise of ${name} at p = ${p} against overhead, logarithmic: ${curves.map((c) => c.label).join(", ")}, each below the one before.`,
      },
      {
        x: {
          label: "overhead",
          domain: [0, 0.6],
          labelArrow: "right",
          tickFormat: (v: number) => `${Math.round(100 * v)} %`,
        },
        y: {
          type: "log",
          grid: true,
          label: "predicted output noise",
          domain: [1e-2, 2e4],
          ticks: [0.01, 0.1, 1, 10, 100, 1000, 10_000],
          tickFormat: (v: number) => String(v),
        },
        marks: [
          Plot.ruleY([borne], { stroke: colour("muted"), strokeDasharray: "3 3" }),
          Plot.text(["keeps 95 % of its accuracy below this"], {
            x: 0.6,
            y: borne,
            dy: -7,
            textAnchor: "end",
            text: (d: string) => d,
            fill: colour("muted"),
            ...halo,
          }),
          ...curves.map(({ stroke, dash, points }) =>
            Plot.line(points, {
              x: "overhead",
              y: "noise",
              stroke: colour(stroke),
              strokeWidth: 2.5,
              strokeDasharray: dash,
              clip: true,
            }),
          ),
          ...curves.map(({ label, stroke }, i) =>
            Plot.text([label], {
              frameAnchor: "top-right",
              dx: -14,
              dy: 12 + 18 * i,
              text: (d: string) => d,
              fill: colour(stroke),
              fontWeight: 600,
              ...halo,
            }),
          ),
        ],
      },
    ),
  );
}
