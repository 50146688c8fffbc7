/** @file The pictures of a report as separate SVG files. */
import { emptyDocument } from "./document.ts";
import {
  accuracyChart,
  barrierChart,
  driftChart,
  errorChart,
  protectionMap,
  residualErrorChart,
  thicknessChart,
  type ResidualErrors,
} from "./charts/index.ts";
import { mapRows } from "./sections/network.ts";
import { chartToSvg } from "./svg.ts";
import type { ReportInput } from "./types.ts";

/** The pictures of `renderFigures`. */
export function reportFigures(input: ReportInput): Map<string, string> {
  const document = emptyDocument();
  const options = { document, width: 800 };
  const figures = new Map<string, string>();
  const { comparison, plan, law, device, chance } = input;
  const add = (name: string, chart: SVGSVGElement) => figures.set(name, chartToSvg(chart));
  if (comparison !== undefined) {
    add("accuracy", accuracyChart({ ...comparison, ...(chance === undefined ? {} : { chance }) }, options));
  }
  if (plan !== undefined) add("protection", protectionMap(mapRows(input), options));
  if (law !== undefined) {
    add("error-law", errorChart(law, options));
    add("drift", driftChart(law, options));
  }
  if (device?.barrier !== undefined) add("barrier", barrierChart(device.barrier, options));
  if (device?.thickness !== undefined) add("thickness", thicknessChart(device.thickness, options));
  return figures;
}

/** The picture of `residualFigure`. */
export function residualPicture(errors: ResidualErrors): string {
  return chartToSvg(residualErrorChart(errors, { document: emptyDocument(), width: 800 }));
}
