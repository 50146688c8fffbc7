/**
 * @file The barrier: band edges, the electron's energy, what is forbidden, the path through; and the wave inside.
 */
import * as Plot from "@observablehq/plot";
import { formatNumber, powerOfTen } from "../numbers.ts";
import type { BarrierPicture } from "../types.ts";
import { drawPlot, halo, makeFrame, powerTicks } from "./frame.ts";
import { estimatedWidth } from "./labels.ts";
import type { ChartOptions } from "./options.ts";
import { colour } from "./theme.ts";

const number = (value: number, digits = 3) => formatNumber(value, { digits, typeset: true });

/** What is called a layer without a preset. */
function layerName(material: string | null): string {
  return material ?? "barrier";
}

/** A Fermi level this near to the electron's energy is not drawn apart from it, eV. */
const nearFermi = 0.02;

/** The forbidden region as polygons, one a layer: between the electron's energy and the band edge. */
function forbiddenAreas({ layers, forbidden, energyEv }: BarrierPicture) {
  return layers.flatMap((layer, i) => {
    const edge = (x: number) =>
      layer.fromEv + ((layer.toEv - layer.fromEv) * (x - layer.fromNm)) / (layer.toNm - layer.fromNm);
    return forbidden.flatMap(({ fromNm, toNm }) => {
      const [from, to] = [Math.max(fromNm, layer.fromNm), Math.min(toNm, layer.toNm)];
      if (to <= from) return [];
      return [from, to].map((x) => ({ layer: i, x, low: energyEv, high: Math.max(energyEv, edge(x)) }));
    });
  });
}

/** The whole picture in a sentence. */
function barrierWords(data: BarrierPicture): string {
  const layers = data.layers.map(
    ({ material, fromNm, toNm, fromEv, toEv }) =>
      `${number(toNm - fromNm)} nm of ${layerName(material)} from ${number(fromEv)} eV to ${number(toEv)} eV`,
  );
  const path = data.forbidden.reduce((sum, { fromNm, toNm }) => sum + toNm - fromNm, 0);
  const last = data.wave.log10Amplitude.at(-1) ?? 0;
  return `Energy against depth. The barrier: ${layers.join(", then ")}. An electron at ${number(data.energyEv)} eV tunnels through ${number(path)} nm of forbidden region; its wave falls to ${number(10 ** last, 2)} of its amplitude.`;
}

/** Energy against depth: layers, electron, forbidden region, tunnelling path, the wave's amplitude drawn to scale. */
export function barrierChart(data: BarrierPicture, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 340, compact: 290 });
  const { energyEv, fermiEv, anodeEdgeEv, layers, forbidden, wave, xNm, edgeEv } = data;
  const [first, last] = [xNm[0]!, xNm.at(-1)!];
  const top = Math.max(...edgeEv, energyEv);
  const bottom = Math.min(0, anodeEdgeEv, ...edgeEv);
  const span = top - bottom;
  const waveHeight = 0.38 * (top - energyEv);
  const amplitude = wave.xNm.map((x, i) => ({ x, y: energyEv + waveHeight * 10 ** wave.log10Amplitude[i]! }));
  const beside = amplitude.find((d) => d.y - energyEv < 0.6 * waveHeight);
  const atFermi = fermiEv !== null && Math.abs(fermiEv - energyEv) < nearFermi;
  const exit = forbidden.at(-1)?.toNm ?? 0;
  const path = forbidden.reduce((sum, { fromNm, toNm }) => sum + toNm - fromNm, 0);
  const pathWidth = (path / (last - first)) * (frame.width - frame.marginLeft - frame.marginRight);
  const text = (x: number, y: number, words: string, more: Plot.TextOptions = {}) =>
    Plot.text([words], { x: [x], y: [y], text: (d: string) => d, fill: colour("ink"), ...halo, ...more });
  const level = (from: number, to: number, y: number, more: Plot.LineOptions = {}) =>
    Plot.line(
      [
        [from, y],
        [to, y],
      ],
      { stroke: colour("accent"), strokeWidth: 2, ...more },
    );
  return drawPlot(
    frame,
    { id: "barrier", label: barrierWords(data) },
    {
      x: { domain: [first, last], label: "depth (nm)", labelArrow: "right", nice: false },
      y: { domain: [bottom - 0.12 * span, top + 0.2 * span], label: "energy (eV)", ticks: 6 },
      marks: [
        Plot.rectY(layers, {
          x1: "fromNm",
          x2: "toNm",
          y1: bottom - 0.12 * span,
          y2: top + 0.2 * span,
          fill: colour("tint"),
          stroke: colour("grid"),
          strokeWidth: 1,
        }),
        Plot.areaY(forbiddenAreas(data), {
          x: "x",
          y1: "low",
          y2: "high",
          z: "layer",
          fill: colour("accent"),
          fillOpacity: 0.16,
        }),
        Plot.line(
          xNm.map((x, i) => ({ x, y: edgeEv[i]! })),
          { x: "x", y: "y", stroke: colour("ink"), strokeWidth: 2 },
        ),
        Plot.areaY(amplitude, { x: "x", y1: energyEv, y2: "y", fill: colour("warm"), fillOpacity: 0.28 }),
        Plot.lineY(amplitude, { x: "x", y: "y", stroke: colour("warm"), strokeWidth: 2 }),
        level(first, 0, energyEv),
        level(0, exit, energyEv, { strokeDasharray: "5 4" }),
        ...(anodeEdgeEv < energyEv
          ? [
              Plot.arrow([0], {
                x1: exit,
                x2: last,
                y1: energyEv,
                y2: energyEv,
                stroke: colour("accent"),
                strokeWidth: 2,
                headLength: 5,
              }),
            ]
          : []),
        ...(fermiEv === null || atFermi
          ? []
          : [level(first, 0, fermiEv, { stroke: colour("muted"), strokeDasharray: "1 3" })]),
        ...layers.map(({ material, fromNm, toNm }, i) =>
          text(
            (fromNm + toNm) / 2,
            top + (layers.length > 1 && i % 2 === 1 ? 0.06 : 0.13) * span,
            `${layerName(material)}, ${number(toNm - fromNm)} nm`,
            { fontWeight: 600 },
          ),
        ),
        text(first, energyEv, `${frame.compact ? "" : "electron, "}${number(energyEv)} eV`, {
          textAnchor: "start",
          dy: -9,
          dx: 4,
          fill: colour("accent"),
        }),
        text(first, 0, "cathode", { textAnchor: "start", dx: 4, dy: 11, fill: colour("muted") }),
        text(
          last,
          anodeEdgeEv,
          frame.compact || anodeEdgeEv === 0 ? "anode" : `anode, ${number(anodeEdgeEv)} eV`,
          {
            textAnchor: "end",
            dx: -4,
            dy: 11,
            fill: colour("muted"),
          },
        ),
        ...(fermiEv === null || atFermi
          ? []
          : [
              text(first, fermiEv, "Fermi level", {
                textAnchor: "start",
                dx: 4,
                dy: -8,
                fill: colour("muted"),
              }),
            ]),
        ...(path === 0
          ? []
          : [
              text(
                pathWidth < 140 ? forbidden[0]!.fromNm : (forbidden[0]!.fromNm + exit) / 2,
                energyEv,
                `forbidden, ${number(path)} nm`,
                {
                  ...(pathWidth < 140 ? { textAnchor: "start", dx: 5 } : {}),
                  dy: 13,
                  fill: colour("accent"),
                },
              ),
            ]),
        text(beside?.x ?? 0, beside?.y ?? energyEv, "wave |ψ|", {
          textAnchor: "start",
          dx: 7,
          dy: -5,
          fill: colour("warm"),
        }),
      ],
    },
  );
}

/** The exact wave's amplitude against depth, in powers of ten. */
export function waveChart(data: BarrierPicture, options: ChartOptions): SVGSVGElement {
  const frame = makeFrame(options, { wide: 240, compact: 230 });
  const { xNm, log10Amplitude } = data.wave;
  const points = xNm.map((x, i) => ({ x, y: log10Amplitude[i]! }));
  const total = xNm.at(-1)!;
  const end = log10Amplitude.at(-1)!;
  const low = Math.floor(Math.min(0, ...log10Amplitude) - 0.9);
  const high = Math.max(0.3, ...log10Amplitude);
  const words = `${number(10 ** end, 2)} at the anode`;
  // The words stand above the wave, as high as it is where they begin.
  const begin =
    total * (1 - (estimatedWidth(words) + 12) / (frame.width - frame.marginLeft - frame.marginRight));
  const above = Math.max(...points.filter(({ x }) => x >= begin).map(({ y }) => y));
  return drawPlot(
    frame,
    {
      id: "wave",
      label: `Amplitude of the wave against depth, powers of ten: from 1 at the cathode to ${number(10 ** end, 2)} at ${number(total)} nm.`,
    },
    {
      x: { domain: [0, total], label: "depth (nm)", labelArrow: "right" },
      y: {
        domain: [low, high],
        label: "|ψ|, 1 at the cathode",
        grid: true,
        ticks: powerTicks(low, 0, 6),
        tickFormat: powerOfTen,
      },
      marks: [
        Plot.rectY(data.forbidden, {
          x1: "fromNm",
          x2: "toNm",
          y1: low,
          y2: high,
          fill: colour("accent"),
          fillOpacity: 0.1,
        }),
        Plot.areaY(points, { x: "x", y1: low, y2: "y", fill: colour("warm"), fillOpacity: 0.2 }),
        Plot.line(points, { x: "x", y: "y", stroke: colour("warm"), strokeWidth: 2.5 }),
        Plot.dot([points.at(-1)!], { x: "x", y: "y", fill: colour("warm"), r: 4 }),
        Plot.text([words], {
          x: [total],
          y: [above],
          text: (d: string) => d,
          textAnchor: "end",
          dx: -8,
          dy: -10,
          fill: colour("ink"),
          fontWeight: 600,
        }),
      ],
    },
  );
}
