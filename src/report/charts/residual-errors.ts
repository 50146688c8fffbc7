/**
 * @file What codes leave of the errors, against the flip probability of a stored bit.
 */
import * as Plot from "@observablehq/plot";
import { formatPercent, powerOfTen } from "../numbers.ts";
import { drawPlot, halo, makeFrame, powerTicks } from "./frame.ts";
import type { ChartOptions } from "./options.ts";
import { placeLabels } from "./labels.ts";
import { colour, type ColourName } from "./theme.ts";

/** One code. */
export interface ResidualCurve {
  readonly code: string;
  /** Check bits over data bits. */
  readonly parity: number;
  /** [p] probability that a data bit is wrong behind the decoder, the mean over zeros and ones. */
  readonly error: readonly number[];
}

/** Data of `residualErrorChart`. */
export interface ResidualErrors {
  /** Flip probabilities, ascending. */
  readonly p: readonly number[];
  readonly curves: readonly ResidualCurve[];
  /** The flip probability that is asked about. */
  readonly chosen?: number;
}

/** Below this an error probability is not drawn. */
const smallest = 1e-9;

const families: readonly { readonly name: string; readonly colour: ColourName; readonly dash: string }[] = [
  { name: "bch", colour: "accent", dash: "none" },
  { name: "secded", colour: "warm", dash: "8 4" },
  { name: "sec", colour: "warm", dash: "3 3" },
  { name: "repetition", colour: "green", dash: "2 3" },
  { name: "parity", colour: "violet", dash: "9 3 2 3" },
];
const plain = { colour: "muted", dash: "none" } as const;

const styleOf = (code: string) => families.find(({ name }) => code.startsWith(`${name}(`)) ?? plain;

/** Both axes are logarithmic; above the straight line a code does harm. */
export function residualErrorChart(data: ResidualErrors, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 480, compact: 360 });
  const from = Math.log10(data.p[0]!);
  const to = Math.log10(data.p.at(-1)!);
  const low = Math.log10(smallest);
  const right = frame.width - frame.marginRight;
  const bottom = frame.height - frame.marginBottom;
  const px = (x: number) => frame.marginLeft + ((x - from) / (to - from)) * (right - frame.marginLeft);
  const py = (y: number) => bottom - ((y - low) / (0 - low)) * (bottom - frame.marginTop);
  const curves = [
    { name: "no code", style: plain, width: 1.5, error: data.p },
    ...data.curves.map(({ code, parity, error }) => ({
      name: frame.compact
        ? code
        : `${code}, ${parity < 1 ? formatPercent(parity) : `${Math.round(100 * parity)} %`}`,
      style: styleOf(code),
      width: 2,
      error,
    })),
  ].map((curve) => ({
    ...curve,
    points: curve.error
      .map((e, i) => ({ x: Math.log10(data.p[i]!), y: Math.log10(e), e }))
      .filter(({ e }) => e >= smallest),
  }));
  const labels = placeLabels(
    curves.map(({ name, points }) => ({ name, points: points.map(({ x, y }) => [px(x), py(y)] as const) })),
    { left: frame.marginLeft, right: frame.width - 2, top: frame.marginTop, bottom },
  );
  const whole = (value: number) => Math.round(value * 1e9) / 1e9;
  const xTicks = powerTicks(Math.ceil(whole(from)), Math.floor(whole(to)), 8);
  return drawPlot(
    frame,
    {
      id: "residual-errors",
      label: `Errors of a data bit behind ${data.curves.map(({ code }) => code).join(", ")} against the flip probability, both logarithmic; on a straight line without a code.`,
    },
    {
      x: {
        domain: [from, to],
        ticks: xTicks,
        tickFormat: powerOfTen,
        label: "flip probability p of a stored bit",
      },
      y: {
        domain: [low, 0],
        ticks: powerTicks(low, 0, 9),
        tickFormat: powerOfTen,
        grid: true,
        label: "probability that a data bit is read wrongly",
      },
      marks: [
        ...(data.chosen === undefined
          ? []
          : [Plot.ruleX([Math.log10(data.chosen)], { stroke: colour("muted"), strokeDasharray: "3 3" })]),
        ...curves.map(({ points, style, width }) =>
          Plot.line(points, {
            x: "x",
            y: "y",
            stroke: colour(style.colour),
            strokeWidth: width,
            strokeDasharray: style.dash,
          }),
        ),
        ...labels.map(({ name, x, y }) =>
          Plot.text([name], {
            frameAnchor: "top-left",
            dx: x - frame.marginLeft,
            dy: y - frame.marginTop,
            lineAnchor: "middle",
            text: (d: string) => d,
            fill: colour(curves.find((c) => c.name === name)!.style.colour),
            fontWeight: 600,
            ...halo,
          }),
        ),
      ],
    },
  );
}
