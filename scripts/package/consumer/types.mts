// A program of somebody else: types of the package in use. `checkTypes` adds every entry point.
import { channel, QtamlError } from "qtaml";
import { symmetricFlips, type FlipProbabilities } from "qtaml/channel";
import { codeNamed, type WordCode } from "qtaml/ecc";
import { parseFaults, type FaultDescription } from "qtaml/faults";
import { parseLayout, type Layout } from "qtaml/image";
import { builtInMeasure, type Measure } from "qtaml/measure";
import { evaluateDevice, type Device, type FlipReport } from "qtaml/physics";
import { parsePlan, type Plan } from "qtaml/protect";
import type { barrierChart, ChartOptions } from "qtaml/report/browser";
import { meanInterval, type Interval } from "qtaml/stats";

export const flips: FlipProbabilities = symmetricFlips(0.1, 8);
export const interval: Interval = meanInterval([1, 2, 3]);
export const code: WordCode = codeNamed("secded(72,64)");
export const faults: FaultDescription = parseFaults({}, "this");
export const measure: Measure = builtInMeasure("accuracy");
export const isSame: boolean = channel.symmetricFlips === symmetricFlips;
export const readers: readonly [typeof parsePlan, typeof parseLayout] = [parsePlan, parseLayout];

export function report(device: Device): FlipReport {
  return evaluateDevice(device);
}

export function remedy(error: unknown): string {
  return error instanceof QtamlError ? error.code : "unknown";
}

export interface Pictures {
  readonly layout: Layout;
  readonly plan: Plan;
  readonly draw: (data: Parameters<typeof barrierChart>[0], options: ChartOptions) => SVGSVGElement;
}

// @ts-expect-error flips are no text
export const text: string = flips;
// @ts-expect-error a confidence is a number
meanInterval([1], { confidence: "0.95" });
