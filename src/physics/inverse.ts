/** @file The inverse question: which thickness, hold time or bias gives this flip probability. */

import { QtamlError } from "../errors.ts";
import { scaleThickness, totalThicknessNm } from "./barrier.ts";
import { CELLS } from "./cells.ts";
import { requireNumber } from "./check.ts";
import type { Device } from "./device-types.ts";
import { deviceRate, flipsAtRate } from "./evaluate.ts";

/** What may be solved for. */
export type Unknown = "thicknessNm" | "holdS" | "biasV";

/** A question to `solveForP`. */
export interface InverseQuestion {
  readonly unknown: Unknown;
  /** The flip probability wanted, in (0, 1]. */
  readonly p: number;
  /** Which of the two probabilities is meant; the larger when absent. */
  readonly of?: "p01" | "p10" | "larger";
  /** Where to look; the defaults are 0.3 to 30 nm, 1e-12 to 1e12 s and 0 to 20 V. */
  readonly from?: number;
  readonly to?: number;
}

/** An answer of `solveForP`. */
export interface InverseAnswer {
  readonly unknown: Unknown;
  /** In the unit of the unknown: nm, s or V. */
  readonly value: number;
  /** The device with the answer put in. */
  readonly device: Device;
}

const WORDS: Readonly<
  Record<Unknown, { name: string; unit: string; from: number; to: number; others: string }>
> = {
  thicknessNm: { name: "thickness", unit: "nm", from: 0.3, to: 30, others: "the hold time or the material" },
  holdS: { name: "hold time", unit: "s", from: 1e-12, to: 1e12, others: "the thickness or the material" },
  biasV: { name: "bias", unit: "V", from: 0, to: 20, others: "the thickness or the hold time" },
};

/** Points of the scan for a bracket; over 30 nm they lie half a nanometre apart. */
const SCAN = 60;
const MOST_STEPS = 200;

/**
 * The device with one quantity replaced. A thickness is the total: a stack is stretched as a whole.
 * @throws QtamlError invalid-argument where the device has no barrier to change
 */
export function withValue(device: Device, unknown: Unknown, value: number): Device {
  if (unknown === "holdS") return { ...device, holdS: value };
  if (device.barrier === null) {
    throw new QtamlError(
      "invalid-argument",
      "The device has no barrier to change: give a material and a thickness.",
    );
  }
  if (unknown === "biasV") return { ...device, barrier: { ...device.barrier, biasV: value } };
  return { ...device, barrier: scaleThickness(device.barrier, value / totalThicknessNm(device.barrier)) };
}

/** ln(p/target) as a function of the unknown; the rate is computed once where only the hold time changes. */
function logExcess(device: Device, question: InverseQuestion): (value: number) => number {
  const which = question.of ?? "larger";
  const fixed = question.unknown === "holdS" ? deviceRate(device) : null;
  return (value) => {
    const changed = withValue(device, question.unknown, value);
    const { p01, p10 } = flipsAtRate(changed, fixed ?? deviceRate(changed));
    return Math.log((which === "larger" ? Math.max(p01, p10) : which === "p01" ? p01 : p10) / question.p);
  };
}

/** A root of `f` between `low` and `high`, where it changes sign: secant steps inside bisection. */
function bracketedRoot(
  f: (x: number) => number,
  low: number,
  high: number,
  atLow: number,
  atHigh: number,
): number {
  let [a, b, fa, fb] = [low, high, atLow, atHigh];
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const middle = (a + b) / 2;
    const secant = b - (fb * (b - a)) / (fb - fa);
    const useSecant =
      step % 3 !== 2 && Number.isFinite(secant) && secant > Math.min(a, b) && secant < Math.max(a, b);
    const x = useSecant ? secant : middle;
    const fx = f(x);
    if (fx === 0 || Math.abs(b - a) <= 1e-14 * Math.max(1, Math.abs(middle))) return x;
    if (fx > 0 === fa > 0) [a, fa] = [x, fx];
    else [b, fb] = [x, fx];
  }
  return (a + b) / 2;
}

/**
 * Solves for the quantity that gives a flip probability: root finding on ln p (over the logarithm of a hold time).
 * Where several values do (the exact model oscillates at high bias), the first met from the low end is returned.
 * @throws QtamlError invalid-argument for a p outside (0, 1], a device whose flips are given directly, or when no
 * value in the range gives p; the message says what the range gives
 */
export function solveForP(device: Device, question: InverseQuestion): InverseAnswer {
  const { unknown, p } = question;
  const words = WORDS[unknown];
  requireNumber("flip probability p", p, { above: 0, max: 1 });
  if (device.direct !== null) {
    throw new QtamlError(
      "invalid-argument",
      `The device's flip probabilities are given, so no ${words.name} follows from them: describe the barrier instead.`,
    );
  }
  if (device.cell !== null && CELLS[device.cell]!.restoresItself) {
    throw new QtamlError(
      "invalid-argument",
      `The cell ${device.cell} restores itself, so no ${words.name} makes it flip: choose a cell that holds charge.`,
    );
  }
  const logarithmic = unknown === "holdS";
  const from = requireNumber(
    `lowest ${words.name} in ${words.unit}`,
    question.from ?? words.from,
    unknown === "biasV" ? { min: 0 } : { above: 0 },
  );
  const to = requireNumber(`highest ${words.name} in ${words.unit}`, question.to ?? words.to, {
    above: from,
  });
  const position = (x: number): number => (logarithmic ? Math.exp(x) : x);
  const start = logarithmic ? Math.log(from) : from;
  const end = logarithmic ? Math.log(to) : to;
  const excess = logExcess(device, question);
  const f = (x: number): number => excess(position(x));

  let x = start;
  let fx = f(x);
  let lowest = fx;
  let highest = fx;
  for (let i = 0; i <= SCAN; i += 1) {
    const next = start + ((end - start) * i) / SCAN;
    const fNext = i === 0 ? fx : f(next);
    lowest = Math.min(lowest, fNext);
    highest = Math.max(highest, fNext);
    if (fNext === 0 || fx > 0 !== fNext > 0) {
      const value = position(fNext === 0 ? next : bracketedRoot(f, x, next, fx, fNext));
      return { unknown, value, device: withValue(device, unknown, value) };
    }
    x = next;
    fx = fNext;
  }
  const gives = `${(p * Math.exp(lowest)).toPrecision(3)} to ${(p * Math.exp(highest)).toPrecision(3)}`;
  throw new QtamlError(
    "invalid-argument",
    `No ${words.name} from ${from} to ${to} ${words.unit} gives p = ${p}: that range gives ${gives}; choose p inside it, widen the range, or change ${words.others}.`,
  );
}
