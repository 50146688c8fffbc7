/**
 * @file The error law of one tensor: the distribution of a weight's error, the drift of its mean, the share of each
 * bit. Lines and bars are predicted, dots are sampled.
 */
import * as Plot from "@observablehq/plot";
import { proportionInterval } from "../../stats/index.ts";
import { formatNumber, formatPercent, powerOfTen } from "../numbers.ts";
import type { LawSection } from "../types.ts";
import { drawPlot, fontSize, halo, makeFrame, powerTicks } from "./frame.ts";
import { estimatedWidth, overlaps, type Box } from "./labels.ts";
import type { ChartOptions, Frame } from "./options.ts";
import { colour } from "./theme.ts";

/** How many of the most probable errors are shown with their sampled share. */
const dotsShown = 60;

/** A sampled share beside its prediction. */
export interface SampledError {
  readonly error: number;
  readonly probability: number;
  readonly share: number;
  /** 95 % interval of the share. */
  readonly low: number;
  readonly high: number;
}

/**
 * The most probable errors with their sampled shares and intervals (Clopper-Pearson), most probable first.
 *
 * @param section the error law with its samples
 */
export function sampledShares({ errors, draws }: LawSection): SampledError[] {
  return errors.error
    .map((error, i) => ({ error, probability: errors.probability[i]!, count: errors.sampled[i]! }))
    .sort((a, b) => b.probability - a.probability || a.error - b.error)
    .slice(0, dotsShown)
    .map(({ error, probability, count }) => {
      const { estimate, low, high } = proportionInterval(count, draws);
      return { error, probability, share: estimate, low, high };
    });
}

/** Probability of each error of a weight, logarithmic: predicted as sticks, sampled as dots with intervals. */
export function errorChart(data: LawSection, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 320, compact: 280 });
  const { error, probability } = data.errors;
  const shares = sampledShares(data);
  const dots = shares.filter((d) => d.share > 0);
  const present = probability.filter((p) => p > 0);
  const high = 0;
  const low = Math.max(-9, Math.floor(Math.log10(Math.min(0.1, ...present))));
  const floor = 10 ** low;
  const sticks = error.map((x, i) => ({ x, p: probability[i]! })).filter((d) => d.p > floor);
  const reach = Math.max(1, ...error.map(Math.abs));
  const covered = shares.filter((d) => d.low <= d.probability && d.probability <= d.high).length;
  const log = (p: number) => Math.log10(Math.max(p, floor));
  return drawPlot(
    frame,
    {
      id: "errors",
      label: `Distribution of the error of one weight of ${data.tensor}, predicted and sampled: ${formatPercent(probability[error.indexOf(0)] ?? 0)} of the weights are read unharmed; of the ${Math.min(dotsShown, error.length)} most likely errors ${covered} lie within the sampled 95 % intervals.`,
    },
    {
      x: {
        domain: [-1.03 * reach, 1.03 * reach],
        label: "error of one weight (quantisation steps)",
        labelArrow: "right",
        ticks: frame.compact ? 5 : 9,
      },
      y: {
        domain: [low, high],
        ticks: powerTicks(low, high, 6),
        tickFormat: powerOfTen,
        grid: true,
        label: "probability",
      },
      marks: [
        Plot.ruleX(sticks, {
          x: "x",
          y1: low,
          y2: (d: { p: number }) => log(d.p),
          stroke: colour("accent"),
          strokeWidth: frame.compact ? 0.6 : 1.1,
        }),
        Plot.ruleX(dots, {
          x: "error",
          y1: (d: SampledError) => log(d.low),
          y2: (d: SampledError) => log(d.high),
          stroke: colour("ink"),
          strokeWidth: 1,
        }),
        Plot.dot(dots, {
          x: "error",
          y: (d: SampledError) => log(d.share),
          r: 2.4,
          fill: colour("paper"),
          stroke: colour("ink"),
          strokeWidth: 1.2,
          title: (d: SampledError) =>
            `error ${formatNumber(d.error)} steps\npredicted ${formatNumber(d.probability)}\nsampled ${formatNumber(d.share)} [${formatNumber(d.low)}, ${formatNumber(d.high)}]`,
        }),
        ...["sticks: predicted", "dots: sampled"].map((words, i) =>
          Plot.text([words], {
            frameAnchor: "top-right",
            dy: 4 + 15 * i,
            text: (d: string) => d,
            fill: colour("muted"),
            ...halo,
          }),
        ),
      ],
    },
  );
}

/** Mean of a weight as read against the weight as stored. */
export function driftChart(data: LawSection, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 280, compact: 260 });
  const { slope, offset, sampled } = data.drift;
  const stored = sampled.map((d) => d.stored);
  const reach = Math.max(1, ...stored.map(Math.abs)) * 1.05;
  const reads = [slope * reach + offset, -slope * reach + offset, ...sampled.flatMap((d) => [d.low, d.high])];
  const height = Math.max(reach, ...reads.map(Math.abs));
  const line = (of: (x: number) => number) => [-reach, reach].map((x) => ({ x, y: of(x) }));
  const sign = offset < 0 ? "−" : "+";
  // Of a symmetric law nothing is left but rounding.
  const shift = Math.abs(offset) < 1e-9 * reach ? "" : ` ${sign} ${formatNumber(Math.abs(offset))} steps`;
  const law = `mean read = ${formatNumber(slope)} × stored${shift}`;
  return drawPlot(
    frame,
    { id: "drift", label: `Mean of a weight as read against the weight as stored: ${law}.` },
    {
      x: {
        domain: [-reach, reach],
        label: "stored weight (steps)",
        labelArrow: "right",
        ticks: frame.compact ? 4 : 7,
      },
      y: { domain: [-height, height], label: "mean as read (steps)", ticks: 7, grid: true },
      marks: [
        Plot.line(
          line((x) => x),
          { x: "x", y: "y", stroke: colour("muted"), strokeWidth: 1.5, strokeDasharray: "5 4" },
        ),
        Plot.line(
          line((x) => slope * x + offset),
          { x: "x", y: "y", stroke: colour("accent"), strokeWidth: 2.5 },
        ),
        Plot.ruleX(sampled, { x: "stored", y1: "low", y2: "high", stroke: colour("ink"), strokeWidth: 1.5 }),
        Plot.dot(sampled, {
          x: "stored",
          y: "read",
          r: 3,
          fill: colour("paper"),
          stroke: colour("ink"),
          strokeWidth: 1.3,
        }),
        Plot.text([frame.compact ? law.replace(" = ", " =\n") : law], {
          frameAnchor: "top-left",
          dx: 8,
          dy: 6,
          text: (d: string) => d,
          fill: colour("accent"),
          fontWeight: 600,
          ...halo,
        }),
        Plot.text(["dashed: as stored"], {
          frameAnchor: "bottom-right",
          dx: -6,
          dy: -8,
          text: (d: string) => d,
          fill: colour("muted"),
          ...halo,
        }),
      ],
    },
  );
}

/** The share of each bit in a weight's error variance, most significant bit first; the largest stands out. */
export function bitShareChart(data: Pick<LawSection, "bitShares">, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 260, compact: 240 });
  const bits = data.bitShares.map((share, bit) => ({ bit, share })).reverse();
  const highest = Math.max(0.1, 1.12 * Math.max(...data.bitShares));
  const most = bits.reduce((a, b) => (b.share > a.share ? b : a));
  const isLabelled = withRoom(
    bits.map(({ share }) => ({ words: shortPercent(share, frame.compact), height: share / highest })),
    frame,
  );
  // Of many bars those that are as good as nothing say so without figures.
  const isCrowded = bits.some(({ share }, i) => share < 0.001 && !isLabelled[i]!);
  const labelled = bits.filter(({ share }, i) => isLabelled[i]! && !(isCrowded && share < 0.001));
  return drawPlot(
    frame,
    {
      id: "bit-shares",
      label: `Share of each bit in the error variance: ${bits.map(({ bit, share }) => `bit ${bit} ${formatPercent(share)}`).join(", ")}.`,
    },
    {
      x: {
        type: "band",
        domain: bits.map((d) => d.bit),
        label: "bit (most significant first)",
        labelArrow: "none",
        padding: 0.25,
        tickFormat: (bit: number) => (frame.compact && bits.length > 8 && bit % 2 === 1 ? "" : String(bit)),
      },
      y: {
        domain: [0, highest],
        label: "share of the error variance (%)",
        tickFormat: (d: number) => formatNumber(100 * d),
        ticks: 5,
        grid: true,
      },
      marks: [
        Plot.barY(bits, {
          x: "bit",
          y: "share",
          fill: (d: typeof most) => (d.bit === most.bit ? colour("accent") : colour("muted")),
        }),
        Plot.ruleY([0], { stroke: colour("ink") }),
        Plot.text(labelled, {
          x: "bit",
          y: "share",
          text: (d: typeof most) => shortPercent(d.share, frame.compact),
          dy: -8,
          fill: colour("ink"),
          fontSize: labelSize(frame),
        }),
      ],
    },
  );
}

/** Percent short enough for the top of a bar; the axis says the unit where there is no room for it. */
function shortPercent(share: number, isBare: boolean): string {
  const words = share > 0 && share < 0.001 ? "<0.1 %" : formatPercent(Number(share.toPrecision(2)));
  return isBare ? words.replace(" %", "") : words;
}

const labelSize = ({ compact }: Frame) => (compact ? 10 : 12);

/** Which bars have room for their label, the higher ones first. @param bars heights as shares of the axis */
function withRoom(bars: readonly { words: string; height: number }[], frame: Frame): boolean[] {
  const { width, height, marginLeft, marginRight, marginTop, marginBottom } = frame;
  const size = labelSize(frame);
  const step = (width - marginLeft - marginRight) / bars.length;
  const boxes = bars.map((bar, i): Box => {
    const half = ((size / fontSize) * estimatedWidth(bar.words)) / 2;
    const [x, y] = [(i + 0.5) * step, (height - marginTop - marginBottom) * (1 - bar.height)];
    return { left: x - half, right: x + half, top: y - size, bottom: y };
  });
  const placed: Box[] = [];
  const found = bars.map(() => false);
  for (const i of Array.from(bars.keys()).sort((a, b) => bars[b]!.height - bars[a]!.height)) {
    if (placed.some((other) => overlaps(boxes[i]!, other))) continue;
    placed.push(boxes[i]!);
    found[i] = true;
  }
  return found;
}
